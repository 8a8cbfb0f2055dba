//! The life of a cookie in the browser: "remember me", or not.

/// The life of a session's cookie in the browser. It does not affect the session, which lives as its
/// [`Lifetimes`](super::Lifetimes) say.
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
    /// The cookie lives until the browser is closed: it has neither `Max-Age` nor `Expires`. A browser that restores
    /// the windows of the last time restores the cookie too.
    Browser,
    /// The cookie lives until the session's idle deadline.
    ///
    /// The layer sends it again when that deadline is extended, with one response per fifth of the idle time. Such a
    /// response carries the credential of its own request: if it overtakes the response to a concurrent sign-in, the
    /// user is signed out in this browser.
    Idle,
    /// The cookie lives until the session's absolute deadline.
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
