//! The feed of the bucket, and the heartbeats that say how far it is.

use super::{Replica, SILENCE};
use crate::session::nats::bucket::{Bucket, PATIENCE, leader_of};
use crate::session::nats::log::{Body, Key, Message};
use core::sync::atomic::Ordering;
use core::time::Duration;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// How long it waits before the feed is asked for again, and how often it looks whether it is behind.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a feed may take to begin; more each time that it does not, as a large bucket takes longer, and one without a leader says nothing.
const BEGIN: Duration = Duration::from_secs(2);

/// Hears of everything, from the beginning; begins anew when the feed ends, or was behind: the client's own would go on where it was, and what
/// was ended meanwhile may have left no trace.
pub(in crate::session::nats) async fn listen(bucket: Bucket, replica: Arc<Replica>) {
    let mut patience = BEGIN;
    loop {
        replica.forget();
        // In this order: what is written in between comes with the feed.
        let begun = timeout(patience, bucket.feed(patience.checked_div(4).unwrap_or(patience))).await;
        if begun.is_err() {
            patience = patience.saturating_add(BEGIN.checked_div(2).unwrap_or(BEGIN)).min(PATIENCE.saturating_mul(4));
        }
        if let Ok(Ok(mut feed)) = begun
            && let Ok(info) = bucket.info().await
        {
            patience = BEGIN;
            replica.write().server.clone_from(&feed.server);
            let last = info.state.last_sequence;
            if last == 0 {
                replica.heard.send_replace(Some(0));
            }
            let (mut heard_at, mut whole_at, mut connects) = (Instant::now(), None, bucket.connects());
            loop {
                let next = timeout(PAUSE, feed.messages.next()).await;
                if bucket.connects() != connects {
                    // Before anything of the new connection is taken: it may be from servers that have lost something.
                    connects = bucket.connects();
                    match timeout(replica.staleness, replica.is_of(&bucket)).await {
                        Ok(Ok(true)) => {}
                        Ok(Ok(false)) => {
                            replica.begin_anew();
                            break;
                        }
                        _ => break,
                    }
                }
                match next {
                    Ok(Some(Ok(message))) => {
                        let Ok(info) = message.info() else { break };
                        let (revision, time) = (info.stream_sequence, info.published.unix_timestamp_nanos());
                        if info.consumer != feed.consumer {
                            // The client has made another one, on who knows which server.
                            if bucket.server_of(info.consumer).await.as_ref() != Ok(&feed.server) {
                                break;
                            }
                            feed.consumer = info.consumer.into();
                        }
                        if replica.last_heard().is_some_and(|last| revision <= last) {
                            replica.begin_anew();
                            break;
                        }
                        replica.hear(bucket.key_of(&message.subject), revision, time, &message.payload, last);
                        heard_at = Instant::now();
                    }
                    Ok(_) => break,
                    Err(_) => {}
                }
                if whole_at.is_none() && replica.heard.borrow().is_some() {
                    whole_at = Some(Instant::now());
                }
                // While all of it comes no heartbeat can: that something comes is enough.
                let is_behind = match whole_at {
                    None => heard_at.elapsed() > SILENCE,
                    Some(at) => {
                        let current = replica.read().current_at.map_or(at, |current| current.max(at));
                        current.elapsed() > replica.staleness.saturating_mul(2)
                    }
                };
                if is_behind || replica.must_begin_anew.load(Ordering::Relaxed) {
                    break;
                }
            }
            let _ = timeout(PAUSE, bucket.end_consumer(&feed.consumer)).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes now and then: what comes back says how far the feed is.
pub(in crate::session::nats) async fn beat(bucket: Bucket, replica: Arc<Replica>) {
    let staleness = replica.staleness;
    let pace = staleness.checked_div(4).unwrap_or(staleness).max(Duration::from_millis(10));
    let mut beats = tokio::time::interval(pace);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        // It may be heard long after the next one was sent.
        tokio::spawn(send_beat(bucket.clone(), Arc::clone(&replica)));
    }
}

/// Sends a heartbeat: when it is heard, everything that was acknowledged before was heard, too, if the feed comes from the server that leads. And
/// looks how full the bucket is.
pub(in crate::session::nats) async fn send_beat(bucket: Bucket, replica: Arc<Replica>) {
    let (at, generation) = (Instant::now(), replica.generation());
    let mut expected = replica.expect();
    let message = Message { id: expected.id, over: 0, body: Body::Beat };
    let beating = async {
        replica.append(&bucket, Key::Beat, &message).await?;
        expected.outcome().await
    };
    let is_heard = matches!(timeout(replica.staleness, beating).await, Ok(Ok(_)));
    // In this order: a server that has led alone and brings the heartbeat has been told by then that another one leads.
    let Ok(info) = bucket.info().await else { return };
    replica.fill.store(bucket.fill(&info), Ordering::Relaxed);
    if is_heard {
        replica.has_beaten(generation, at, leader_of(info.cluster.as_ref()).as_deref());
    }
}
