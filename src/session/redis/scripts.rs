//! The scripts: each is one call of the store, and happens as a whole. They use what Redis 6.2 has. The version that a script is to write is
//! its caller's, so that it may be run again by who does not know whether it was: what it finds written, it answers as done, and who has asked
//! for an end twice takes the second answer for the first. What replicas are waited for with runs twice in any case, the second time on the
//! connection that waits.

use std::string::String;
use std::sync::LazyLock;

/// A script and what the server knows it by.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) hash: String,
}

impl Script {
    fn new(body: &str) -> Self {
        let text = [COMMON, body].concat();
        let hash = redis::Script::new(&text).get_hash().into();
        Self { text, hash }
    }
}

/// What several of them need. An expiry of the server leaves ten minutes after the deadline, so that clocks may differ.
const COMMON: &str = r"
local function is_live(i, a, now)
  return i and tonumber(i) > tonumber(now) and tonumber(a) > tonumber(now)
end
local function ttl(i, a, now)
  local left = math.min(tonumber(i), tonumber(a)) - tonumber(now)
  return string.format('%.0f', (math.max(0, math.min(left, 315360000)) + 600) * 1000)
end
-- A full server looks for room before the first write of a script, and not after it. Ending sessions must go on there, and so begins with what
-- needs none; making them must not, and so begins with what does.
local function expire(key, ms)
  redis.call('PEXPIRE', key, ms)
end
local function keep(key, ms)
  if redis.call('PTTL', key) < tonumber(ms) then redis.call('PEXPIRE', key, ms) end
end
local function is_of_epoch(key, kind, e)
  return kind ~= '1' or (redis.call('HGET', key, 'n') or '0') == e
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

/// Keys: session, index, epoch. Arguments: now, selector, version, idle, absolute, epoch, kind, record.
pub(super) static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, i, a, e, k, d = unpack(ARGV)
if not is_of_epoch(KEYS[3], k, e) then return 'revoked' end
local found = redis.call('HMGET', KEYS[1], 'i', 'a', 'v')
if is_live(found[1], found[2], now) then return found[3] == v and 'done' or 'exists' end
local ms = ttl(i, a, now)
redis.call('HSET', KEYS[1], 'v', v, 'i', i, 'a', a, 'e', e, 'k', k, 'd', d)
expire(KEYS[1], ms)
if k == '1' then
  redis.call('ZADD', KEYS[2], 0, selector)
  keep(KEYS[2], ms)
end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, next version, idle, absolute, epoch, kind, record. The absolute deadline and
/// the kind stay.
pub(super) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, next, i, _, e, _, d = unpack(ARGV)
local found = redis.call('HMGET', KEYS[1], 'v', 'i', 'a', 'k')
if not is_live(found[2], found[3], now) then return 'gone' end
if found[1] == next then return 'done' end
if found[1] ~= v or not is_of_epoch(KEYS[3], found[4], e) then return 'conflict' end
local ms = ttl(i, found[3], now)
redis.call('HSET', KEYS[1], 'v', next, 'i', i, 'e', e, 'd', d)
expire(KEYS[1], ms)
if found[4] == '1' then keep(KEYS[2], ms) end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, idle.
pub(super) static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, idle = unpack(ARGV)
local found = redis.call('HMGET', KEYS[1], 'i', 'a', 'k')
if not is_live(found[1], found[2], now) then return 'gone' end
if tonumber(idle) > tonumber(found[2]) then idle = found[2] end
if tonumber(idle) > tonumber(found[1]) then
  local ms = ttl(idle, found[2], now)
  expire(KEYS[1], ms)
  redis.call('HSET', KEYS[1], 'i', idle)
  if found[3] == '1' then keep(KEYS[2], ms) end
end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, the version that it must have, or nothing, and 1 if replicas are waited for.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, is_awaited = unpack(ARGV)
local found = redis.call('HMGET', KEYS[1], 'v', 'i', 'a')
if not is_live(found[2], found[3], now) then return unchanged('gone', is_awaited, KEYS[2]) end
if v ~= '' and found[1] ~= v then return 'conflict' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], selector)
return 'done'
",
    )
});

/// Keys: old session, new session, index, epoch. Arguments: now, old selector, new selector, version, next version, idle, absolute, epoch, kind,
/// record, and 1 if replicas are waited for.
pub(super) static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, old, new, v, next, i, a, e, k, d, is_awaited = unpack(ARGV)
local there = redis.call('HMGET', KEYS[2], 'v', 'i', 'a')
if there[1] == next then return unchanged('done', is_awaited, KEYS[3]) end
if is_live(there[2], there[3], now) then return unchanged('gone', is_awaited, KEYS[3]) end
local found = redis.call('HMGET', KEYS[1], 'v', 'i', 'a')
if not is_live(found[2], found[3], now) or not is_of_epoch(KEYS[4], k, e) then
  return unchanged('gone', is_awaited, KEYS[3])
end
if found[1] ~= v then return unchanged('conflict', is_awaited, KEYS[3]) end
local ms = ttl(i, a, now)
redis.call('HSET', KEYS[2], 'v', next, 'i', i, 'a', a, 'e', e, 'k', k, 'd', d)
expire(KEYS[2], ms)
if k == '1' then
  redis.call('ZADD', KEYS[3], 0, new)
  keep(KEYS[3], ms)
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[3], old)
return 'done'
",
    )
});

/// Keys: index. Arguments: now, what the keys of sessions begin with, where to start, limit. Selectors whose session the server has removed
/// leave the index.
pub(super) static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, from, limit = unpack(ARGV)
local listed = {}
for _, selector in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, '+')) do
  if #listed >= tonumber(limit) then break end
  local found = redis.call('HMGET', prefix .. selector, 'v', 'i', 'a', 'e', 'k', 'd')
  if not found[1] then
    redis.call('ZREM', KEYS[1], selector)
  elseif is_live(found[2], found[3], now) then
    listed[#listed + 1] = { selector, unpack(found) }
  end
end
return listed
",
    )
});

/// Keys: index, epoch. Arguments: now, what the keys of sessions begin with, the selector that is kept, or nothing, and the epoch that has been
/// answered already, or nothing. With one no other epoch begins, on whatever server, and what was made in it stays; its number is written in any
/// case, for who waits for replicas.
pub(super) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, except, answered = unpack(ARGV)
redis.call('DEL', prefix)
local n = tonumber(redis.call('HGET', KEYS[2], 'n') or '0')
answered = tonumber(answered) or 0
local is_begun = answered > 0 and n >= answered
for _, selector in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '-', '+')) do
  local is_newer = is_begun and tonumber(redis.call('HGET', prefix .. selector, 'e') or '0') >= answered
  if selector ~= except and not is_newer then
    redis.call('DEL', prefix .. selector)
    redis.call('ZREM', KEYS[1], selector)
  end
end
if not is_begun then n = math.max(n + 1, answered) end
local digits = string.format('%.0f', n)
redis.call('HSET', KEYS[2], 'n', digits)
local at = redis.call('HGET', KEYS[2], 'at')
if not at or tonumber(at) < tonumber(now) then
  at = now
  redis.call('HSET', KEYS[2], 'at', at)
end
if except ~= '' and redis.call('EXISTS', prefix .. except) == 1 then
  redis.call('HSET', prefix .. except, 'e', digits)
end
return { digits, at }
",
    )
});
