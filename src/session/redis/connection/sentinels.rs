//! The primary, as named by a majority of the sentinels and confirmed within [`RedisOptions::max_primary_age`].

use super::connected::{Address, connect};
use super::single_flight::SingleFlight;
use crate::session::redis::RedisOptions;
use crate::session::redis::record::said;
use core::time::Duration;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, Value,
};
use std::collections::BTreeMap;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// All sentinels that are named, and what most of them agree on. One alone may be on the side of a primary that is none any more.
pub(in crate::session::redis) struct Sentinels {
    sentinels: Vec<Arc<Sentinel>>,
    primary: Arc<str>,
    login: RedisConnectionInfo,
    is_over_tls: bool,
    options: RedisOptions,
    belief: Mutex<Option<Belief>>,
    asking: Arc<SingleFlight>,
}

/// Which primary most of them have named, when they were asked at this time.
struct Belief {
    address: Address,
    at: Instant,
}

struct Sentinel {
    client: Client,
    /// While nobody asks on it.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Sentinels {
    pub(super) fn new(
        urls: &[String],
        primary: &str,
        login: Option<(&str, &str)>,
        options: RedisOptions,
    ) -> RedisResult<Self> {
        let (mut sentinels, mut is_over_tls) = (Vec::new(), false);
        for url in urls {
            let address = url.as_str().into_connection_info()?;
            is_over_tls |= matches!(address.addr(), ConnectionAddr::TcpTls { .. });
            // A sentinel has no databases to choose from.
            let settings = address.redis_settings().clone().set_db(0);
            let client = Client::open(address.set_redis_settings(settings))?;
            sentinels.push(Arc::new(Sentinel { client, connection: Mutex::default() }));
        }
        let nobody = RedisConnectionInfo::default();
        let login = login.map_or(nobody.clone(), |(user, password)| nobody.set_username(user).set_password(password));
        let (belief, asking) = (Mutex::default(), Arc::default());
        Ok(Self { sentinels, primary: primary.into(), login, is_over_tls, options, belief, asking })
    }

    /// They are asked anew well before it is too long ago that they have been, and waited for only when it is.
    pub(super) async fn listen(self: &Arc<Self>) {
        let has_asked = self.asking.has_ended.notified();
        let age = self.believed().map(|(_, age)| age);
        if age.is_none_or(|age| age >= self.options.max_primary_age.checked_div(4).unwrap_or_default()) {
            self.ask();
        }
        if age.is_none_or(|age| age >= self.options.max_primary_age) {
            has_asked.await;
        }
    }

    /// Connects to whatever most of them name now.
    pub(super) async fn connect(self: &Arc<Self>) -> RedisResult<(MultiplexedConnection, Address)> {
        let has_asked = self.asking.has_ended.notified();
        self.ask();
        has_asked.await;
        let address = self.primary()?;
        let (host, port) = (address.0.clone(), address.1);
        let place = if self.is_over_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let client = Client::open(place.into_connection_info()?.set_redis_settings(self.login.clone()))?;
        let mut connection = connect(&client, &self.options).await?;
        // One that has just been chosen may not know it yet. Who may not ask finds out by the first write.
        let role = connection.req_packed_command(&redis::cmd("ROLE")).await?;
        if matches!(&role, Value::Array(role) if role.first().and_then(said) != Some("master")) {
            return Err(RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "not a primary yet")));
        }
        Ok((connection, address))
    }

    fn ask(self: &Arc<Self>) {
        let sentinels = Arc::clone(self);
        self.asking.begin(async move {
            let at = Instant::now();
            if let Some(address) = sentinels.agreed().await {
                *sentinels.belief() = Some(Belief { address, at });
            }
        });
    }

    /// What most of those that are named name. Who is silent is not waited for once enough have spoken, and never for long.
    async fn agreed(&self) -> Option<Address> {
        let (say, mut said) = mpsc::unbounded_channel();
        for sentinel in &self.sentinels {
            let (sentinel, primary, say) = (Arc::clone(sentinel), Arc::clone(&self.primary), say.clone());
            let options = self.options.clone();
            tokio::spawn(async move { say.send(sentinel.names(&primary, &options).await) });
        }
        drop(say);
        let mut votes = BTreeMap::<_, usize>::new();
        while let Some(answer) = said.recv().await {
            let Some(address) = answer else { continue };
            let count = votes.entry(Arc::clone(&address)).or_default();
            *count = count.saturating_add(1);
            if count.saturating_mul(2) > self.sentinels.len() {
                return Some(address);
            }
        }
        None
    }

    fn belief(&self) -> MutexGuard<'_, Option<Belief>> {
        self.belief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// And for how long.
    fn believed(&self) -> Option<(Address, Duration)> {
        self.belief().as_ref().map(|belief| (Arc::clone(&belief.address), belief.at.elapsed()))
    }

    /// The primary, if most have named it lately.
    pub(super) fn primary(&self) -> RedisResult<Address> {
        match self.believed() {
            Some((address, age)) if age < self.options.max_primary_age => Ok(address),
            _ => Err(RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "most sentinels do not agree"))),
        }
    }
}

impl Sentinel {
    fn place(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn names(&self, primary: &str, options: &RedisOptions) -> Option<Address> {
        let kept = self.place().take();
        if let Some(connection) = kept
            && let Ok(address) = self.ask(connection, primary).await
        {
            return address;
        }
        let connection = connect(&self.client, options).await.ok()?;
        self.ask(connection, primary).await.ok()?
    }

    async fn ask(&self, mut connection: MultiplexedConnection, primary: &str) -> RedisResult<Option<Address>> {
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(primary);
        let answer: Option<(String, u16)> =
            redis::from_redis_value(connection.req_packed_command(&command).await?.extract_error()?)?;
        *self.place() = Some(connection);
        Ok(answer.map(Arc::new))
    }
}
