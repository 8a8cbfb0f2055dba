//! How long a browser keeps a cookie: "remember me", or not.

/// How long a browser keeps the cookie of a session. The session itself lives as its [`Lifetimes`](super::Lifetimes) say, whatever this is.
///
/// ```
/// use countersign::session::CookieLife;
///
/// let remembers = |is_checked: bool| if is_checked { CookieLife::Absolute } else { CookieLife::Browser };
/// assert_eq!(remembers(true), CookieLife::Absolute);
/// ```
#[doc(alias = "remember_me")]
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
    /// As two bits of a record's flags: none of them for a session that says nothing of it.
    pub(super) const fn to_bits(life: Option<Self>) -> u8 {
        match life {
            None => 0,
            Some(Self::Browser) => 2,
            Some(Self::Idle) => 4,
            Some(Self::Absolute) => 6,
        }
    }

    /// What these flags say of it.
    pub(super) const fn of_bits(flags: u8) -> Option<Self> {
        match flags & 6 {
            2 => Some(Self::Browser),
            4 => Some(Self::Idle),
            6 => Some(Self::Absolute),
            _ => None,
        }
    }
}
