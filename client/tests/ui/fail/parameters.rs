use larder_client::cached;

#[cached]
async fn pattern((a, b): (u64, u64)) -> u64 {
    a + b
}

#[cached]
async fn ignored(_: u64) -> u64 {
    0
}

#[cached]
async fn changed(list: &mut Vec<u64>, id: u64) -> u64 {
    list.push(id);
    id
}

#[cached]
async fn generic<T: serde::Serialize>(id: T) -> u64 {
    drop(id);
    0
}

#[cached]
async fn only_returned<T>(id: u64) -> Result<T, u64> {
    Err(id)
}

#[cached]
async fn anonymous(name: impl AsRef<str>) -> usize {
    name.as_ref().len()
}

fn main() {}
