//! A connection to one server or to a cluster, and the queries on it.

use crate::session::redis::RedisOptions;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use std::string::String;
use std::sync::Arc;
use tokio::time::Instant;

/// Host and port.
pub(super) type Address = Arc<(String, u16)>;

pub(super) async fn connect(client: &Client, options: &RedisOptions) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(options.response_timeout));
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
    pub(super) address: Option<Address>,
    pub(super) at: Instant,
}
