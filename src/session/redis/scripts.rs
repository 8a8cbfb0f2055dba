//! The scripts: each is one step of a call of the store, happens as a whole, and does bounded work, however many sessions a user has. They use what
//! Redis 6.2 has. The version that a script is to write is its caller's, so that it may be run again by who does not know whether it was: what it
//! finds written, it answers as done, and who has asked for an end twice takes the second answer for the first. What replicas are waited for with
//! runs twice in any case, the second time on the connection that waits.

use super::record::SLACK;
use std::format;
use std::string::String;
use std::sync::LazyLock;

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
-- How often the user was revoked, when last, and the first of those revocations whose sessions are not removed yet.
local function epoch_of(key)
  local n, at, first = string.match(redis.call('GET', key) or '0 0 1', '^(%d+) (%d+) (%d+)$')
  return tonumber(n), tonumber(at), tonumber(first)
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

/// Keys: session, index, epoch. Arguments: now, selector, epoch, value. Says `more` instead of `done` if there is something to tidy.
pub(super) static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, e, value = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local n, _, first = epoch_of(KEYS[3])
if is_user(value) and n ~= e then return 'revoked' end
local found = redis.call('GET', KEYS[1])
if is_live(found, now, n) then return version_of(found) == version_of(value) and 'done' or 'exists' end
if leads(found, now) then return 'exists' end
local i, a = struct.unpack('>I5I5', value, 10)
local ms = ttl(i, a, now)
redis.call('SET', KEYS[1], value, 'PX', ms)
leave(KEYS[2], selector, found)
if not is_user(value) then return 'done' end
enter(KEYS[2], selector, i, a, ms)
return (prune(KEYS[2], now, 4) or first <= n) and 'more' or 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, next version, idle, epoch, record. The absolute deadline and the kind stay, and
/// what leads to it.
pub(super) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local selector, v, next, d = ARGV[2], ARGV[3], ARGV[4], ARGV[7]
local now, i, e = tonumber(ARGV[1]), tonumber(ARGV[5]), tonumber(ARGV[6])
local n = epoch_of(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) then return 'gone' end
if version_of(found) == next then return 'done' end
if version_of(found) ~= v or is_user(found) and n ~= e then return 'conflict' end
local a = struct.unpack('>I5', found, 15)
local ms, head = ttl(i, a, now), next .. struct.pack('>I5I5I6', i, a, e)
redis.call('SET', KEYS[1], string.sub(found, 1, 1) .. head .. parent_of(found) .. d, 'PX', ms)
moved(KEYS[2], selector, found, i, a, ms)
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, epoch, value, and 1 if replicas are waited for. All of it comes from the value but
/// what leads to it.
pub(super) static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, e, value, is_awaited = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local n = epoch_of(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) or is_user(value) and n ~= e then return unchanged('gone', is_awaited, KEYS[2]) end
if version_of(found) == version_of(value) then return unchanged('done', is_awaited, KEYS[2]) end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[2]) end
local i, a = struct.unpack('>I5I5', value, 10)
local ms, parent = ttl(i, a, now), parent_of(found)
if parent ~= '' then
  value = string.char(string.byte(value) + 2) .. string.sub(value, 2, 25) .. parent .. string.sub(value, 26)
end
redis.call('SET', KEYS[1], value, 'PX', ms)
leave(KEYS[2], selector, found)
if is_user(value) then enter(KEYS[2], selector, i, a, ms) end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, idle.
pub(super) static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, idle = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local n = epoch_of(KEYS[3])
local found = redis.call('GET', KEYS[1])
if not is_live(found, now, n) then return 'gone' end
local i, a = struct.unpack('>I5I5', found, 10)
idle = math.min(idle, a)
if idle > i then
  local ms = ttl(idle, a, now)
  expire(KEYS[1], ms)
  redis.call('SETRANGE', KEYS[1], 9, struct.pack('>I5', idle))
  moved(KEYS[2], selector, found, idle, a, ms)
end
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, the version that it must have, or nothing, and 1 if replicas are waited for. Answers with
/// what has led to it, or where it has gone.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, selector, v, is_awaited = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local n = epoch_of(KEYS[3])
local found = redis.call('GET', KEYS[1])
if leads(found, now) then return { 'moved', string.sub(found, 7, 26) } end
if not is_live(found, now, n) then return { unchanged('gone', is_awaited, KEYS[2]), '' } end
if v ~= '' and version_of(found) ~= v then return { 'conflict', '' } end
redis.call('DEL', KEYS[1])
leave(KEYS[2], selector, found)
return { 'done', parent_of(found) }
",
    )
});

/// Keys: old session, new session, index, epoch. Arguments: now, old selector, new selector, version, epoch, value, the new handle, and 1 if replicas
/// are waited for.
pub(super) static ROTATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local old, new, v, e, value, to, is_awaited = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8]
local now, n = tonumber(ARGV[1]), epoch_of(KEYS[4])
local there = redis.call('GET', KEYS[2])
if is_live(there, now, n) and version_of(there) == version_of(value) then
  return unchanged('done', is_awaited, KEYS[3])
end
local found = redis.call('GET', KEYS[1])
if is_live(there, now, n) or leads(there, now) or not is_live(found, now, n) or is_user(value) and n ~= e then
  return unchanged('gone', is_awaited, KEYS[3])
end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[3]) end
local i, a = struct.unpack('>I5I5', value, 10)
local ms = ttl(i, a, now)
redis.call('SET', KEYS[2], value, 'PX', ms)
if is_user(value) then enter(KEYS[3], new, i, a, ms) end
point(KEYS[1], to, a, parent_of(found), now)
leave(KEYS[3], old, found)
return 'done'
",
    )
});

/// Keys: session, index, epoch. Arguments: now, selector, version, where it has gone, until when that lives, and 1 if replicas are waited for. For a
/// rotation into another slot.
pub(super) static POINT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local selector, v, to, is_awaited = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local now, till, n = tonumber(ARGV[1]), tonumber(ARGV[5]), epoch_of(KEYS[3])
local found = redis.call('GET', KEYS[1])
if leads(found, now) and string.sub(found, 7, 26) == to then return unchanged('done', is_awaited, KEYS[2]) end
if not is_live(found, now, n) then return unchanged('gone', is_awaited, KEYS[2]) end
if version_of(found) ~= v then return unchanged('conflict', is_awaited, KEYS[2]) end
point(KEYS[1], to, till, parent_of(found), now)
leave(KEYS[2], selector, found)
return 'done'
",
    )
});

/// Keys: pointer. Arguments: now, where it leads, until when that lives, or nothing if it lives no more. Answers with what leads to this one; with
/// nothing if it leads elsewhere.
pub(super) static RELATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, till = tonumber(ARGV[1]), tonumber(ARGV[3])
local found = redis.call('GET', KEYS[1])
if not found or string.byte(found) < 4 or string.sub(found, 7, 26) ~= ARGV[2] then return '' end
if not till then
  redis.call('DEL', KEYS[1])
elseif till > struct.unpack('>I5', found, 2) then
  point(KEYS[1], ARGV[2], till, parent_of(found), now)
end
return parent_of(found)
",
    )
});

/// Keys: index, epoch. Arguments: now, what the keys of sessions begin with, the selector that is kept, or nothing, and the epoch that has been
/// answered already, or nothing. With one no other epoch begins, on whatever server; its number is written in any case, for who waits for replicas.
/// What is of an earlier epoch is over by that; the index gets another name, to be taken apart later.
pub(super) static REVOKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, except, answered = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]) or 0
redis.call('DEL', prefix)
local before, at, first = epoch_of(KEYS[2])
local kept = except ~= '' and redis.call('GET', prefix .. except)
if not is_live(kept, now, before) or not is_user(kept) then kept = nil end
local n = before
if answered == 0 or before < answered then
  n = math.max(before + 1, answered)
  local is_done_with = first > before
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('RENAME', KEYS[1], prefix .. string.format('g%.0f', n))
    if is_done_with then first = n end
  elseif is_done_with then
    first = n + 1
  end
end
at = math.max(at, now)
redis.call('SET', KEYS[2], string.format('%.0f %.0f %.0f', n, at, first))
if kept then
  redis.call('SETRANGE', prefix .. except, 19, struct.pack('>I6', n))
  local i, a = struct.unpack('>I5I5', kept, 10)
  enter(KEYS[1], except, i, a, ttl(i, a, now))
end
return { string.format('%.0f', n), string.format('%.0f', at) }
",
    )
});

/// Keys: index, epoch. Arguments: now, what the keys of sessions begin with, how many. Removes some of what revocations have ended, or takes some of
/// what has run out from the index. Answers 1 if there is more to do, and then with selectors that were removed and what has led to them, in turn.
pub(super) static TIDY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local now, prefix, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local n, at, first = epoch_of(KEYS[2])
if first > n then return { prune(KEYS[1], now, most) and 1 or 0, {} } end
local old = prefix .. string.format('g%.0f', first)
local popped = redis.call('ZPOPMIN', old, most)
-- Those by deadline come first, and are all that is needed.
if string.sub(popped[1] or '', 1, 1) ~= 'd' then
  redis.call('UNLINK', old)
  redis.call('SET', KEYS[2], string.format('%.0f %.0f %.0f', n, at, first + 1))
  popped = {}
end
local orphans = {}
for place = 1, #popped, 2 do
  local member = popped[place]
  local selector = string.sub(member, 7)
  local found = string.sub(member, 1, 1) == 'd' and redis.call('GET', prefix .. selector)
  if found and string.byte(found) < 4 and is_user(found) and struct.unpack('>I6', found, 20) < n then
    redis.call('DEL', prefix .. selector)
    local parent = parent_of(found)
    if parent ~= '' then orphans[#orphans + 1], orphans[#orphans + 2] = selector, parent end
  end
end
return { 1, orphans }
",
    )
});
