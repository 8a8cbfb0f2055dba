//! How long a browser keeps a cookie: "remember me", or not.

/// How long a browser keeps the cookie of a session. The session itself lives as its [`Lifetimes`](super::Lifetimes) say, whatever this is.
///
/// ```
/// use countersign::session::CookieLife;
///
/// let remembers = |is_checked: bool| if is_checked { CookieLife::Absolute } else { CookieLife::Browser };
/// assert_eq!(remembers(true), CookieLife::Absolute);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CookieLife {
    /// Until the browser is closed: without `Max-Age` and `Expires`. A browser that brings back the windows of last time brings it back too.
    Browser,
    /// Until the session's idle deadline. It is sent anew when that is pushed on: with one answer in a fifth of the idle time. That answer sets the
    /// credential that its request came with: where it is overtaken by the answer to a sign-in at the same moment, the person is signed out in
    /// this browser.
    Idle,
    /// Until the session's absolute deadline.
    Absolute,
}

impl CookieLife {
    /// As it stands in a record: 0 for a session that says nothing of it.
    pub(super) fn to_byte(life: Option<Self>) -> u8 {
        match life {
            None => 0,
            Some(Self::Browser) => 1,
            Some(Self::Idle) => 2,
            Some(Self::Absolute) => 3,
        }
    }

    /// `None` for a byte that stands for nothing.
    pub(super) fn of_byte(byte: u8) -> Option<Option<Self>> {
        match byte {
            0 => Some(None),
            1 => Some(Some(Self::Browser)),
            2 => Some(Some(Self::Idle)),
            3 => Some(Some(Self::Absolute)),
            _ => None,
        }
    }
}
