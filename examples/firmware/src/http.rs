//! As much of HTTP/1.1 as a device speaks over a serial line: one request after the other, bodies of a known length.

use crate::Fault;
use board::Uart;
use board::ticks::Stopwatch;

/// Characters of the longest header line that matters; of a longer one the rest is passed over.
const MAX_LINE: usize = 64;

/// Header fields of an answer, at most.
const MAX_FIELDS: usize = 64;

const CONTENT_LENGTH: &[u8] = b"content-length:";

/// Milliseconds from a request to the end of its answer. A time that comes later is not believed (docs/FORMAT.md, section 7).
const PATIENCE: u64 = 10_000;

/// Status of an answer, and how much of the buffer its body fills.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) len: usize,
}

/// Sends a request and reads the answer's body into `buf`.
pub(crate) fn request(
    uart: &mut Uart,
    line: &[&str],
    bearer: &[u8],
    body: &[u8],
    buf: &mut [u8],
) -> Result<Answer, Fault> {
    line.iter().for_each(|part| uart.write(part.as_bytes()));
    uart.write(b" HTTP/1.1\r\nHost: demo\r\nAuthorization: Bearer ");
    uart.write(bearer);
    uart.write(b"\r\nContent-Length: ");
    write_decimal(uart, body.len());
    uart.write(b"\r\n\r\n");
    uart.write(body);
    answer(uart, buf)
}

fn answer(uart: &mut Uart, buf: &mut [u8]) -> Result<Answer, Fault> {
    let mut watch = Stopwatch::start();
    let mut line = [0; MAX_LINE];
    let status = read_line(uart, &mut watch, &mut line)?.strip_prefix(b"HTTP/1.1 ").ok_or(Fault::Http)?;
    let (status, _) = status.split_at_checked(4).ok_or(Fault::Http)?;
    let status = status.strip_suffix(b" ").and_then(decimal).ok_or(Fault::Http)?;
    let mut len = None;
    for _ in 0..MAX_FIELDS {
        let field = read_line(uart, &mut watch, &mut line)?;
        if field.is_empty() {
            let place = buf.get_mut(..len.unwrap_or(0)).ok_or(Fault::Http)?;
            for byte in place.iter_mut() {
                *byte = uart.read(&mut watch, PATIENCE).ok_or(Fault::Http)?;
            }
            let status = u16::try_from(status).map_err(|_| Fault::Http)?;
            return Ok(Answer { status, len: place.len() });
        }
        let (name, value) = field.split_at_checked(CONTENT_LENGTH.len()).unwrap_or((field, &[]));
        if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            // One that was cut says another number; of two, nobody knows which.
            let is_whole = field.len() < MAX_LINE && len.is_none();
            len = Some(decimal(value.trim_ascii()).filter(|_| is_whole).ok_or(Fault::Http)?);
        }
    }
    Err(Fault::Http)
}

/// A line without its end, cut to the buffer.
fn read_line<'b>(uart: &mut Uart, watch: &mut Stopwatch, buf: &'b mut [u8; MAX_LINE]) -> Result<&'b [u8], Fault> {
    let mut len = 0;
    loop {
        match uart.read(watch, PATIENCE).ok_or(Fault::Http)? {
            b'\n' => return Ok(buf.get(..len).unwrap_or_default()),
            b'\r' => {}
            byte => {
                if let Some(place) = buf.get_mut(len) {
                    *place = byte;
                    len += 1;
                }
            }
        }
    }
}

fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0usize, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit as usize)
    })
}

fn write_decimal(uart: &mut Uart, number: usize) {
    if number >= 10 {
        write_decimal(uart, number / 10);
    }
    uart.write(&[b'0' | (number % 10) as u8]);
}
