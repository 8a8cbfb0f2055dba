//! Where the sessions are, and connections to that.

use super::sentinels::{Address, Sentinels};
use crate::session::redis::RedisOptions;
use core::time::Duration;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;
use tokio::time::Instant;

/// Where to connect to.
pub(in crate::session::redis) enum Servers {
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

impl Servers {
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
        let builder = builder.connection_timeout(options.connect).response_timeout(options.answer);
        Ok(Self::Cluster(Box::new(builder.build()?), nodes))
    }

    /// How long connecting may take in all.
    pub(super) fn patience(&self, options: &RedisOptions) -> Duration {
        match self {
            Self::Single(_) => options.connect,
            // The sentinels, then the primary that they name.
            Self::Sentinel(_) => options.connect.saturating_mul(4),
            // One after the other, if the first are silent.
            Self::Cluster(_, nodes) => {
                options.connect.saturating_mul(u32::try_from(*nodes).unwrap_or(u32::MAX).saturating_add(2))
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

pub(super) async fn connect(client: &Client, options: &RedisOptions) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect))
        .set_response_timeout(Some(options.answer));
    client.get_multiplexed_async_connection_with_config(&config).await
}

#[derive(Clone)]
pub(super) enum Connection {
    Plain(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Plain(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// To the primary that has this key.
    pub(super) async fn query_at(&mut self, key: &[u8], command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Plain(_) => self.query(command).await,
            Self::Cluster(connection) => {
                let node = RoutingInfo::SingleNode(primary_of(key));
                connection.route_command(command.clone(), node).await?.extract_error()
            }
        }
    }

    /// Two commands, one behind the other on one connection to the primary that has this key.
    pub(super) async fn query_both(&mut self, key: &[u8], first: &Cmd, second: &Cmd) -> RedisResult<(Value, Value)> {
        let mut both = Pipeline::with_capacity(2);
        both.add_command(first.clone()).add_command(second.clone());
        let answers = match self {
            Self::Plain(connection) => connection.req_packed_commands(&both, 0, 2).await?,
            Self::Cluster(connection) => connection.route_pipeline(both, 0, 2, primary_of(key)).await?,
        };
        let mut answers = answers.into_iter().map(Value::extract_error);
        match (answers.next(), answers.next()) {
            (Some(first), Some(second)) => Ok((first?, second?)),
            _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "not two answers"))),
        }
    }
}

fn primary_of(key: &[u8]) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master))
}

/// A connection, and to which primary, if sentinels have named it.
pub(super) struct Made {
    pub(super) connection: Connection,
    address: Option<Address>,
    pub(super) at: Instant,
}
