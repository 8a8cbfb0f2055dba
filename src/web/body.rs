//! Bodies of the responses that a layer makes itself.

/// Makes bodies that are `From<&'static str>`: axum's, `http_body_util::Full`, `String`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextBody;

/// Makes the bodies of the responses that a layer makes itself. A `Fn(&'static str) -> Body` is one.
pub trait MakeBody<Body> {
    /// Makes a body of this text.
    fn make_body(&self, text: &'static str) -> Body;
}

impl<Body: From<&'static str>> MakeBody<Body> for TextBody {
    fn make_body(&self, text: &'static str) -> Body {
        Body::from(text)
    }
}

impl<Body, F: Fn(&'static str) -> Body> MakeBody<Body> for F {
    fn make_body(&self, text: &'static str) -> Body {
        self(text)
    }
}
