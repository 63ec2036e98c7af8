use larder_client::cached;

struct Shop;

impl Shop {
    #[cached(skip(self))]
    async fn unnamed(&self) -> u64 {
        0
    }

    #[cached]
    async fn constructor() -> Result<Self, u64> {
        Ok(Self)
    }

    #[cached(name = "Shop::self_in_key")]
    async fn self_in_key(&self, id: u64) -> u64 {
        id
    }
}

fn main() {}
