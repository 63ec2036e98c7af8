use larder_client::cached;

#[cached(tll = std::time::Duration::MAX)]
async fn unknown(id: u64) -> u64 {
    id
}

#[cached(version = 1, version = 2)]
async fn twice(id: u64) -> u64 {
    id
}

#[cached(skip(db, id))]
async fn stranger(id: u64) -> u64 {
    id
}

#[cached(key = id, skip(id))]
async fn both(id: u64) -> u64 {
    id
}

#[cached(ttl: std::time::Duration::MAX)]
async fn form(id: u64) -> u64 {
    id
}

fn main() {
    let _ = (unknown(1), twice(1), stranger(1), both(1), form(1));
}
