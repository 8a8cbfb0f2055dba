//! The topology of Redis: one server, sentinels or a cluster, and connections to it.

use super::connected::{Connection, Made, connect};
use super::sentinels::Sentinels;
use crate::session::redis::RedisOptions;
use core::time::Duration;
use redis::cluster::ClusterClient;
use redis::{Client, RedisResult};
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tokio::time::Instant;

/// Where to connect to.
pub(in crate::session::redis) enum Topology {
    Single(Box<Client>),
    Sentinel(Arc<Sentinels>),
    /// And how many addresses it has.
    Cluster(Box<ClusterClient>, usize),
}

/// TLS needs somebody to compute for it: if the process has chosen nobody and could choose several, the first connection would panic.
#[cfg(feature = "redis-tls")]
fn prepare(urls: &[String]) {
    if urls.iter().any(|url| url.starts_with("rediss:")) && rustls::crypto::CryptoProvider::get_default().is_none() {
        // If another thread was faster, there is one now.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(not(feature = "redis-tls"))]
fn prepare(_: &[String]) {}

impl Topology {
    pub(in crate::session::redis) fn single(url: &str) -> RedisResult<Self> {
        prepare(&[url.into()]);
        Client::open(url).map(|client| Self::Single(Box::new(client)))
    }

    /// `login` is the user and the password at the primary; those of the sentinels are in their addresses.
    pub(in crate::session::redis) fn sentinel(
        urls: &[String],
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> RedisResult<Self> {
        prepare(urls);
        Ok(Self::Sentinel(Arc::new(Sentinels::new(urls, primary, login, options)?)))
    }

    pub(in crate::session::redis) fn cluster(urls: Vec<String>, options: &RedisOptions) -> RedisResult<Self> {
        prepare(&urls);
        let nodes = urls.len();
        let builder = ClusterClient::builder(urls).retries(1);
        let builder = builder.connection_timeout(options.connect_timeout).response_timeout(options.response_timeout);
        Ok(Self::Cluster(Box::new(builder.build()?), nodes))
    }

    /// How long connecting may take in all.
    pub(super) fn patience(&self, options: &RedisOptions) -> Duration {
        match self {
            Self::Single(_) => options.connect_timeout,
            // The sentinels, then the primary that they name.
            Self::Sentinel(_) => options.connect_timeout.saturating_mul(4),
            // One after the other, if the first are silent.
            Self::Cluster(_, nodes) => {
                options.connect_timeout.saturating_mul(u32::try_from(*nodes).unwrap_or(u32::MAX).saturating_add(2))
            }
        }
    }

    pub(super) async fn connect(&self, options: &RedisOptions) -> RedisResult<Made> {
        let (connection, address) = match self {
            Self::Single(client) => (Connection::Plain(connect(client, options).await?), None),
            Self::Sentinel(sentinels) => {
                let (connection, address) = sentinels.connect().await?;
                (Connection::Plain(connection), Some(address))
            }
            Self::Cluster(client, _) => (Connection::Cluster(client.get_async_connection().await?), None),
        };
        Ok(Made { connection, address, at: Instant::now() })
    }

    /// Hears of the primary, if somebody has to say where that is.
    pub(super) async fn listen(&self) {
        if let Self::Sentinel(sentinels) = self {
            sentinels.listen().await;
        }
    }

    /// Whether this is a connection to the primary, as far as anybody has said lately.
    pub(super) fn is_believed(&self, made: &Made) -> RedisResult<bool> {
        match self {
            Self::Sentinel(sentinels) => sentinels.primary().map(|primary| made.address == Some(primary)),
            Self::Single(_) | Self::Cluster(..) => Ok(true),
        }
    }
}
