//! A wire between two programs that can be cut, for partitions.

use super::Outcome;
use super::net::{connect, local};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How soon a thread notices that the mode has changed.
const PULSE: Duration = Duration::from_millis(5);

/// What the link does with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Passes them on.
    Open,
    /// Connections are closed and new ones refused; what was held is lost.
    Cut,
    /// Accepts and takes, but passes nothing on, neither bytes nor the end of a connection. What is held goes out once it is open again.
    Frozen,
    /// Requests arrive, answers are held: a caller cannot know what was done.
    OneWay,
}

/// A proxy on a port of its own.
pub(crate) struct Link {
    shared: Arc<Shared>,
    port: u16,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    target: String,
    state: Mutex<State>,
    connections: AtomicUsize,
}

struct State {
    mode: Mode,
    /// Counts the cuts: a connection lives until the next.
    cuts: usize,
    /// None while the link is cut, so that the system itself refuses.
    listener: Option<TcpListener>,
    is_over: bool,
}

#[derive(Clone, Copy)]
enum Direction {
    ToTarget,
    FromTarget,
}

impl Link {
    /// A link to this address, open.
    pub(crate) fn to(address: &str) -> Outcome<Self> {
        let listener = listen(0)?;
        let port = listener.local_addr()?.port();
        let state = Mutex::new(State { mode: Mode::Open, cuts: 0, listener: Some(listener), is_over: false });
        let shared = Arc::new(Shared { target: address.to_owned(), state, connections: AtomicUsize::new(0) });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&shared)
        });
        Ok(Self { shared, port, acceptor: Some(acceptor) })
    }

    /// Where to connect to instead of the target.
    pub(crate) fn address(&self) -> String {
        local(self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Once this returns, no byte goes against the new mode, and a cut link has no connection left.
    pub(crate) fn set(&self, mode: Mode) -> Outcome {
        let mut state = self.shared.state();
        if mode == Mode::Cut {
            state.listener = None;
            state.cuts += 1;
        } else if state.listener.is_none() {
            state.listener = Some(listen(self.port)?);
        }
        state.mode = mode;
        drop(state);
        if mode == Mode::Cut {
            self.wait_until_closed();
        }
        Ok(())
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    fn wait_until_closed(&self) {
        let start = Instant::now();
        while self.connections() > 0 && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(PULSE);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        let _ = self.set(Mode::Cut);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether bytes may go now; None for a connection of before a cut.
    fn passes(&self, direction: Direction, cuts: usize) -> Option<bool> {
        self.state().passes(direction, cuts)
    }
}

impl State {
    fn passes(&self, direction: Direction, cuts: usize) -> Option<bool> {
        (self.cuts == cuts).then_some(match (self.mode, direction) {
            (Mode::Open, _) | (Mode::OneWay, Direction::ToTarget) => true,
            (Mode::OneWay, Direction::FromTarget) | (Mode::Frozen | Mode::Cut, _) => false,
        })
    }
}

fn listen(port: u16) -> Outcome<TcpListener> {
    let listener = TcpListener::bind(local(port))?;
    // The lock must not be held while nobody calls.
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept(shared: &Arc<Shared>) {
    loop {
        let state = shared.state();
        if state.is_over {
            return;
        }
        let cuts = state.cuts;
        match state.listener.as_ref().map(TcpListener::accept) {
            Some(Ok((client, _))) => {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(shared);
                thread::spawn(move || {
                    // An end of one side is all that the other one learns.
                    let _ = serve(&shared, client, cuts);
                    shared.connections.fetch_sub(1, Ordering::SeqCst);
                });
            }
            _ => {
                drop(state);
                thread::sleep(PULSE);
            }
        }
    }
}

/// One connection, from its start to its end.
fn serve(shared: &Shared, client: TcpStream, cuts: usize) -> Outcome {
    while !shared.passes(Direction::ToTarget, cuts).ok_or("cut")? {
        thread::sleep(PULSE);
    }
    let target = connect(&shared.target)?;
    for stream in [&client, &target] {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PULSE))?;
        stream.set_write_timeout(Some(PULSE))?;
    }
    thread::scope(|scope| {
        scope.spawn(|| pass_on(shared, &client, &target, Direction::ToTarget, cuts));
        pass_on(shared, &target, &client, Direction::FromTarget, cuts);
    });
    Ok(())
}

/// One direction of a connection, until its end has been passed on or the link is cut.
fn pass_on(shared: &Shared, mut from: &TcpStream, to: &TcpStream, direction: Direction, cuts: usize) {
    let mut held = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut is_at_end = false;
    while shared.passes(direction, cuts).is_some() {
        if is_at_end {
            thread::sleep(PULSE);
        } else {
            match from.read(&mut buffer) {
                Ok(0) => is_at_end = true,
                Ok(count) => held.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => is_at_end = true,
            }
        }
        if let Flow::Ended = send(shared, to, &mut held, direction, cuts) {
            // Nobody reads what this side would still say.
            let _ = from.shutdown(Shutdown::Read);
            return;
        }
        if is_at_end && held.is_empty() && shared.passes(direction, cuts) == Some(true) {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
    }
}

enum Flow {
    Goes,
    Ended,
}

/// Sends what may go; the mode cannot change during a write, so that [`Link::set`] is exact.
fn send(shared: &Shared, mut to: &TcpStream, held: &mut Vec<u8>, direction: Direction, cuts: usize) -> Flow {
    while !held.is_empty() {
        let state = shared.state();
        if state.passes(direction, cuts) != Some(true) {
            return Flow::Goes;
        }
        match to.write(held) {
            Ok(count) => drop(held.drain(..count)),
            Err(error) if is_timeout(error.kind()) => return Flow::Goes,
            Err(_) => return Flow::Ended,
        }
    }
    Flow::Goes
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
