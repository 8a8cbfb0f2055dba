//! The Lua scripts. Each is one step of a call of the store, happens as a whole, and does bounded work, however many
//! sessions a user has. They need Redis 6.2.
//!
//! The caller chooses the version that a script writes, so that it can repeat a script whose result is unknown: a
//! script that finds its own version reports success, and a caller that has asked twice for an end takes the second
//! result for the first. A script that waits for replicas runs twice in any case, the second time on the connection
//! that waits.

mod pointer;
mod session;
mod user;

use super::record::SLACK;
pub(super) use pointer::{POINT, RELATE, ROTATE};
pub(super) use session::{CREATE, DELETE, REPLACE, SWAP, TOUCH};
use std::format;
use std::string::String;
pub(super) use user::{REVOKE, TIDY};

/// A script and what the server knows it by.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) hash: String,
}

impl Script {
    fn new(body: &str) -> Self {
        let text = format!("local SLACK = {SLACK}{COMMON}{body}");
        let hash = redis::Script::new(&text).get_hash().into();
        Self { text, hash }
    }
}

/// What several of them need: values are laid out as in [`record`](super::record). An expiry of the server leaves ten minutes after the deadline, so
/// that clocks may differ.
const COMMON: &str = r"
local function ttl(i, a, now)
  return string.format('%.0f', (math.max(0, math.min(i - now, a - now, 315360000)) + SLACK) * 1000)
end
-- A full server looks for room before the first write of a script, and not after it. Ending sessions must go on there, and so begins with what
-- needs none; making them must not, and so begins with what does.
local function expire(key, ms)
  redis.call('PEXPIRE', key, ms)
end
-- The number of the user's last revocation, when that was, until when it is kept, and the names of indexes that are still to be taken apart.
local function last_revocation(key)
  local n, at, till, old = string.match(redis.call('GET', key) or '0 0 0', '^(%d+) (%d+) (%d+)(.*)$')
  return tonumber(n), tonumber(at), tonumber(till), old
end
local function is_user(value)
  return string.byte(value) % 2 == 1
end
local function version_of(value)
  return string.sub(value, 2, 9)
end
local function is_live(value, now, n)
  if not value or string.byte(value) >= 4 then return false end
  local i, a, e = struct.unpack('>I5I5I6', value, 10)
  return i > now and a > now and (not is_user(value) or e >= n)
end
local function leads(value, now)
  if not value or string.byte(value) < 4 then return false end
  return (struct.unpack('>I5', value, 2)) > now
end
local function parent_of(value)
  local kind = string.byte(value)
  if kind >= 6 then return string.sub(value, 27, 46) end
  if kind == 2 or kind == 3 then return string.sub(value, 26, 45) end
  return ''
end
local function point(key, to, till, parent, now)
  local ms = ttl(till, till, now)
  expire(key, ms)
  redis.call('SET', key, string.char(parent == '' and 4 or 6) .. struct.pack('>I5', till) .. to .. parent, 'PX', ms)
end
-- The two members of the index that a session has: see `record`.
local function members(selector, i, a)
  local till = struct.pack('>I5', math.min(i, a))
  return 's' .. selector .. till, 'd' .. till .. selector
end
local function enter(index, selector, i, a, ms)
  local by_name, by_deadline = members(selector, i, a)
  redis.call('ZADD', index, 0, by_name, 0, by_deadline)
  if redis.call('PTTL', index) < tonumber(ms) then redis.call('PEXPIRE', index, ms) end
end
-- With the value that the session has had.
local function leave(index, selector, value)
  if value and string.byte(value) < 4 and is_user(value) then
    redis.call('ZREM', index, members(selector, struct.unpack('>I5I5', value, 10)))
  end
end
-- The session of a user has another deadline now.
local function moved(index, selector, before, i, a, ms)
  if not is_user(before) then return end
  local i_before, a_before = struct.unpack('>I5I5', before, 10)
  if math.min(i_before, a_before) == math.min(i, a) then return end
  leave(index, selector, before)
  enter(index, selector, i, a, ms)
end
-- Takes from the index what has run out. True if there may be more.
local function prune(index, now, most)
  local till = '(d' .. struct.pack('>I5', math.max(0, now - SLACK + 1))
  local over = redis.call('ZRANGE', index, '[d', till, 'BYLEX', 'LIMIT', 0, most)
  if #over == 0 then return false end
  local all = {}
  for place, member in ipairs(over) do
    all[2 * place - 1], all[2 * place] = member, 's' .. string.sub(member, 7) .. string.sub(member, 2, 6)
  end
  redis.call('ZREM', index, unpack(all))
  return #over == most
end
-- Who waits for replicas waits, from 7.2 on, for nothing but what his own connection has written. What he asks for may have been done by another
-- one a moment ago: so he writes what changes nothing, behind it. Nothing has the name that goes first, for a full server.
local function unchanged(word, is_awaited, index)
  if is_awaited == '1' then
    redis.call('DEL', index .. ':')
    redis.call('ZADD', index, 0, '')
    redis.call('ZREM', index, '')
  end
  return word
end
";
