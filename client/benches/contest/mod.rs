//! What the benchmarks share that let contenders take turns.

use redis::IntoConnectionInfo;
use redis::aio::MultiplexedConnection;

/// A connection of redis-rs with the settings that the cache uses, too.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let settings = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = url.into_connection_info().unwrap();
    redis::Client::open(info.set_tcp_settings(settings))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
