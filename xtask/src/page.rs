//! The page of the demo, and the hostile one, in a real browser.

use crate::browser::Browser;
use crate::demo::Demo;
use crate::shell::{Outcome, Tally, root};
use serde_json::Value;

/// Width and height of a phone and of a desk.
const SCREENS: [(u32, u32); 2] = [(360, 740), (1280, 900)];

pub(crate) fn run(tally: &mut Tally) -> Outcome {
    let demo = Demo::start_quietly()?;
    let (mine, other) = (Browser::start()?, Browser::start()?);
    sign_in(&mine, &demo)?;
    tally.expect(mine.wait_for_text("#who", "alice")?, "the page signs in");
    holds_what_it_says(&mine, tally)?;
    every_button(&mine, tally)?;
    another_site(&mine, &demo, tally)?;
    fits_on_screens(&mine, &demo, tally)?;
    let mut secrets = secrets(&mine, &demo)?;
    let (demo, mut said) = survives_a_restart(&mine, demo, tally)?;
    signed_out_everywhere(&mine, &other, &demo, tally)?;
    secrets.extend([demo.password_of("alice")?.to_owned(), demo.password_of("bob")?.to_owned()]);
    said.push_str(&demo.stop()?.0);
    nothing_secret_is_logged(&said, &secrets, tally);
    Ok(())
}

fn sign_in(browser: &Browser, demo: &Demo) -> Outcome {
    browser.open(demo.url()?)?;
    browser.type_into("#password", demo.password_of("alice")?)?;
    browser.click("#sign-in")
}

/// Status of a request that a script of the page makes, with the cookies that the browser adds by itself.
fn status_of(browser: &Browser, request: &str) -> Outcome<Value> {
    browser.evaluate(&format!("(await fetch({request})).status"))
}

/// The cookie is the browser's alone and goes by itself; the token is the page's alone and does not.
fn holds_what_it_says(browser: &Browser, tally: &mut Tally) -> Outcome {
    let cookie = browser.cookie("id")?;
    tally.expect(cookie["httpOnly"] == true && cookie["sameSite"] == "Lax", "the cookie is HttpOnly and SameSite=Lax");
    tally.expect(browser.evaluate("document.cookie")? == "", "no script can see it");
    let kept = "JSON.stringify([localStorage, sessionStorage])";
    tally.expect(browser.evaluate(kept)? == "[{},{}]", "nothing is in the storage of the browser");
    tally.expect(status_of(browser, "'/session'")? == 200, "the browser sends the cookie by itself");
    tally.expect(status_of(browser, "'/api/me'")? == 401, "the browser does not send the token by itself");
    tally.expect(browser.text_of("#token")?.starts_with("cs1_alice."), "the token is shown");
    let parts =
        "['uid', 'stamp', 'param', 'sign'].map((part) => document.querySelectorAll(`#token .${part}`).length).join()";
    tally.expect(browser.evaluate(parts)? == "1,1,2,1", "each part of the token is coloured");
    let is_decoded =
        browser.text_of("#jwt-header")?.contains("HS256") && browser.text_of("#jwt-claims")?.contains("alice");
    tally.expect(is_decoded, "the JWT is decoded");
    tally.expect(browser.wait_for_text("#token-left", " left")?, "the time that is left is shown");
    let bars = "['session', 'token', 'jwt'].every((way) => document.getElementById(`${way}-bar`).value > 0.5)";
    tally.expect(browser.evaluate(bars)? == true, "each bar of time is filled");
    Ok(())
}

fn every_button(browser: &Browser, tally: &mut Tally) -> Outcome {
    let before = browser.cookie("id")?["value"].clone();
    for (button, status) in [
        ("session-me", "200 admitted"),
        ("session-note", "200 admitted"),
        ("session-plant", "200 admitted"),
        ("session-renew", "200 admitted"),
        ("session-me", "200 admitted"),
        ("token-me", "200 admitted"),
        ("token-rename", "401 refused"),
        ("token-note", "200 admitted"),
        ("token-promote", "401 refused"),
        ("token-me", "200 admitted"),
        ("token-younger", "401 refused"),
        ("token-me", "200 admitted"),
        ("token-flip", "401 refused"),
        ("jwt-me", "200 admitted"),
        ("jwt-rename", "401 refused"),
        ("jwt-note", "200 admitted"),
        ("jwt-none", "401 refused"),
        ("jwt-refresh", "200 admitted"),
        ("jwt-me", "200 admitted"),
    ] {
        let answer = format!("#{}-answer", button.split('-').next().unwrap_or_default());
        // So that the answer that is waited for is the one of this button.
        browser.evaluate(&format!("document.querySelector('{answer}').replaceChildren()"))?;
        browser.click(&format!("#{button}"))?;
        tally.expect(browser.wait_for_text(&answer, status)?, &format!("the button {button} gives {status}"));
    }
    tally.expect(browser.cookie("id")?["value"] != before, "a renewal gives the browser another cookie");
    tally.expect(browser.wait_for_text("#record", "notes: 1")?, "the server keeps the note in the session");
    Ok(())
}

/// The other site tries all it can; afterwards nothing is there but what the page itself has written.
fn another_site(browser: &Browser, demo: &Demo, tally: &mut Tally) -> Outcome {
    let port = demo.hostile_url()?.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
    // One on another port, which is the same site, and one that is another site.
    for (host, site, cookie) in [("127.0.0.1", "same-site", "sent"), ("localhost", "cross-site", "none")] {
        browser.open(&format!("http://{host}:{port}/"))?;
        browser.click("#try-session")?;
        let row = format!("POST /session/note {site} {cookie} none 403 refused: another site makes the request");
        tally.expect(browser.wait_for_text("#journal", &row)?, &format!("the {site} POST to the session is refused"));
        for button in ["#try-token", "#try-jwt"] {
            browser.evaluate("document.getElementById('said').textContent = ''")?;
            browser.click(button)?;
            let held_back = browser.wait_for_text("#said", "the browser did not send it")?;
            tally.expect(held_back, &format!("{button}: the browser does not send the {site} page's header"));
        }
        let requests = browser.text_of("#journal")?;
        let is_bare = !requests.contains("POST /api/note") && requests.contains("OPTIONS /api/note");
        tally.expect(is_bare, &format!("of the {site} page's tokens nothing but the preflight arrives"));
        if site == "same-site" {
            browser.resize(SCREENS[1].0, SCREENS[1].1)?;
            browser.screenshot(&root().join("target/demo-hostile.png"))?;
        }
        browser.click("#try-form")?;
        let arrived = browser.wait_for_text("h1", "countersign")?;
        tally.expect(arrived, &format!("the {site} form leads to the page to sign in at"));
        let notes = "(await (await fetch('/session')).json()).notes.length";
        browser.open(demo.url()?)?;
        tally.expect(browser.evaluate(notes)? == 1, &format!("no note of the {site} page is kept"));
    }
    Ok(())
}

fn fits_on_screens(browser: &Browser, demo: &Demo, tally: &mut Tally) -> Outcome {
    for (width, height) in SCREENS {
        browser.resize(width, height)?;
        sign_in_again(browser, demo)?;
        let surplus = "document.documentElement.scrollWidth - innerWidth";
        let surplus = browser.evaluate(surplus)?;
        tally.expect(surplus.as_i64().is_some_and(|pixels| pixels <= 0), &format!("nothing is wider than {width} px"));
        let clipped = "[...document.querySelectorAll('button')].filter((button) => button.offsetParent).filter((button) => { const box = button.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth || box.height < 20; }).map((button) => button.id).join()";
        let clipped = browser.evaluate(clipped)?;
        // The list of devices scrolls in its own box.
        tally
            .expect(clipped == "" || clipped == ",", &format!("every button can be reached at {width} px ({clipped})"));
        browser.screenshot(&root().join(format!("target/demo-{width}.png")))?;
    }
    let unnamed = "[...document.querySelectorAll('input, button, progress, output')].filter((one) => !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label') || one.role === 'status')).length";
    tally.expect(browser.evaluate(unnamed)? == 0, "everything to use has a name for who does not see it");
    Ok(())
}

/// Fills all three columns: the token and the JWT are lost with each reload of the page.
fn sign_in_again(browser: &Browser, demo: &Demo) -> Outcome {
    browser.open(demo.url()?)?;
    if browser.wait_for_text("#who", "alice")? {
        browser.click("#logout")?;
        browser.wait_for_text("#session-left", "not signed in")?;
    }
    sign_in(browser, demo)?;
    browser.wait_for_text("#who", "alice")?;
    browser.wait_for_text("#jwt-left", " left").map(|_| ())
}

/// What nobody may read in a log: the secret parts, without the names that logs are for.
fn secrets(browser: &Browser, demo: &Demo) -> Outcome<Vec<String>> {
    let cookie = browser.cookie("id")?["value"].as_str().unwrap_or_default().to_owned();
    let last = |text: String| text.rsplit('.').next().unwrap_or_default().to_owned();
    let (sign, signature) = (last(browser.text_of("#token")?), last(browser.text_of("#jwt")?));
    let verifier = cookie.get(30..).unwrap_or_default().to_owned();
    Ok(vec![verifier, sign, signature, demo.password_of("alice")?.to_owned(), demo.password_of("bob")?.to_owned()])
}

/// The session and its record, and the token that was signed before.
fn survives_a_restart(browser: &Browser, demo: Demo, tally: &mut Tally) -> Outcome<(Demo, String)> {
    let token = browser.text_of("#token")?;
    let (demo, said) = demo.restart()?;
    browser.open(demo.url()?)?;
    tally.expect(browser.wait_for_text("#who", "alice")?, "the session survives a restart of the server");
    let request = format!("'/api/me', {{headers: {{Authorization: 'Bearer {token}'}}}}");
    tally.expect(status_of(browser, &request)? == 200, "so does the token");
    Ok((demo, said))
}

fn signed_out_everywhere(mine: &Browser, other: &Browser, demo: &Demo, tally: &mut Tally) -> Outcome {
    sign_in(other, demo)?;
    tally.expect(other.wait_for_text("#who", "alice")?, "another browser signs in");
    mine.open(demo.url()?)?;
    mine.wait_for_text("#who", "alice")?;
    let devices = "document.querySelectorAll('#device-list tr').length";
    tally.expect(mine.evaluate(devices)? == 2, "both are in the list of devices");
    tally.expect(mine.text_of("#device-list")?.contains("(this one)"), "the list says which one this is");
    for button in ["#session-me", "#token-me", "#jwt-me"] {
        other.click(button)?;
        tally.expect(other.wait_for_text(&answer_of(button), "200 admitted")?, &format!("the other one uses {button}"));
    }
    mine.click("#everywhere")?;
    tally.expect(mine.wait_for_text("#session-left", "not signed in")?, "signed out everywhere, here");
    for button in ["#session-me", "#token-me", "#jwt-me", "#jwt-refresh"] {
        other.click(button)?;
        let is_out = other.wait_for_text(&answer_of(button), "401 refused")?;
        tally.expect(is_out, &format!("signed out everywhere: the other browser's {button} is refused"));
    }
    // At once: what is issued in the second of the revocation carries the number of the next epoch.
    sign_in(other, demo)?;
    other.wait_for_text("#who", "alice")?;
    for button in ["#session-me", "#token-me", "#jwt-me"] {
        other.click(button)?;
        tally.expect(other.wait_for_text(&answer_of(button), "200 admitted")?, &format!("signed in anew: {button}"));
    }
    Ok(())
}

fn answer_of(button: &str) -> String {
    format!("{}-answer", button.split('-').next().unwrap_or_default())
}

fn nothing_secret_is_logged(said: &str, secrets: &[String], tally: &mut Tally) {
    let lines = said.lines().count();
    tally.expect(
        said.contains("refused: ") && said.contains("has signed in"),
        &format!("the demo has a log, of {lines} lines"),
    );
    let is_secret = |secret: &&String| secret.len() < 12 || said.contains(secret.as_str());
    let leaked = secrets.iter().filter(is_secret).count();
    tally.expect(leaked == 0, &format!("none of {} secrets is in it", secrets.len()));
}
