use larder_client::cached;

#[cached]
const fn constant() -> u64 {
    0
}

#[cached]
async unsafe fn dangerous() -> u64 {
    0
}

#[cached]
extern "C" fn foreign() -> u64 {
    0
}

#[cached]
async fn nothing(id: u64) {
    drop(id);
}

#[cached]
fn unnamed() -> impl Iterator<Item = u64> {
    std::iter::empty()
}

#[cached]
struct Structure;

fn main() {}
