// A program and then one call at a time in (lines of JSON), one outcome each out. Runs sealed off, one process per program, which is
// never sent a call before it has answered the one before.
// Outcomes and canonical values are those of calls.py and canonical.py.
'use strict';
const vm = require('vm'), fs = require('fs'), crypto = require('crypto');
const CALL_MS = 250, MOST_PARTS = 20000, DEEPEST = 60, LONGEST = 400;
const write = fs.writeSync, stringify = JSON.stringify;

function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t');
  return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
}

function written(value, depth, budget) {
  if (--budget.left < 0 || depth > DEEPEST) throw new RangeError('TooLarge');
  if (value === undefined || value === null) return 'None';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return 'nan';
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
    return Number.isInteger(value) ? BigInt(value).toString() : String(Number(value.toPrecision(9)));
  }
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object') return '<' + typeof value + '>';
  const kind = Object.prototype.toString.call(value);
  const inner = (one) => written(one, depth + 1, budget);
  if (Array.isArray(value)) return '[' + Array.from(value, (one) => inner(one) + ',').join('') + ']';
  if (kind === '[object Set]') return '{' + Array.from(Set.prototype.values.call(value), inner).sort().join(',') + '}';
  const pairs = kind === '[object Map]' ? Array.from(Map.prototype.entries.call(value)) : Object.entries(value);
  return '{' + pairs.map(([key, one]) => inner(key) + ':' + inner(one)).sort().join(',') + '}';
}

function canonical(value) {
  const text = written(value, 0, { left: MOST_PARTS });
  return text.length <= LONGEST ? text : text.slice(0, 16) + '#' + crypto.createHash('sha256').update(text).digest('hex');
}

function attempt(work) {
  try {
    return work();
  } catch (problem) {
    if (problem && problem.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return '~';
    let name = 'Error';
    try { name = String(problem.name || name).slice(0, 60); } catch (_) { /* a problem that is one to look at */ }
    return '!' + name;
  }
}

let unread = Buffer.alloc(0);
function received() {
  let end;
  while ((end = unread.indexOf(10)) < 0) {
    const chunk = Buffer.alloc(65536), size = fs.readSync(0, chunk);
    if (!size) process.reallyExit(0);
    unread = Buffer.concat([unread, chunk.subarray(0, size)]);
  }
  const line = unread.subarray(0, end).toString('utf8');
  unread = unread.subarray(end + 1);
  return JSON.parse(line);
}

const say = (outcome) => write(1, outcome.replace(/\n/g, ' ') + '\n');
const quiet = { log() {}, error() {}, warn() {}, info() {}, debug() {} };
const context = vm.createContext({ console: quiet, module: { exports: {} }, exports: {} });
say('');
say(attempt(() => {
  const { program, language } = received();
  const code = language === 'typescript' ? require('module').stripTypeScriptTypes(program) : program;
  vm.runInContext(code.replace(/^export\s+(default\s+)?/gm, ''), context, { timeout: CALL_MS });
  return '=';
}));
for (;;) {
  const call = received();
  say(attempt(() => '=' + canonical(vm.runInContext(call, context, { timeout: CALL_MS }))));
}
