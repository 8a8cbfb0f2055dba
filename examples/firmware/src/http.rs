//! As much of HTTP/1.1 as a device speaks over a serial line: one request after the other, bodies of a known length.

use crate::Fault;
use board::Uart;

/// Characters of the longest header line that matters; of a longer one the rest is passed over.
const MAX_LINE: usize = 64;

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
    let mut line = [0; MAX_LINE];
    let status = read_line(uart, &mut line);
    let status = status.strip_prefix(b"HTTP/1.1 ").and_then(|rest| decimal(rest.get(..3)?)).ok_or(Fault::Http)?;
    let mut len = 0;
    loop {
        let field = read_line(uart, &mut line);
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_at_checked(15).unwrap_or((field, &[]));
        if name.eq_ignore_ascii_case(b"content-length:") {
            len = decimal(value.trim_ascii()).ok_or(Fault::Http)?;
        }
    }
    let place = buf.get_mut(..len).ok_or(Fault::Http)?;
    place.iter_mut().for_each(|byte| *byte = uart.read());
    let status = u16::try_from(status).map_err(|_| Fault::Http)?;
    Ok(Answer { status, len })
}

/// A line without its end, cut to the buffer.
fn read_line<'b>(uart: &mut Uart, buf: &'b mut [u8]) -> &'b [u8] {
    let mut len = 0;
    loop {
        match uart.read() {
            b'\n' => break,
            b'\r' => {}
            byte => {
                if let Some(place) = buf.get_mut(len) {
                    *place = byte;
                    len += 1;
                }
            }
        }
    }
    buf.get(..len).unwrap_or_default()
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
