// A program and calls in (JSON on standard input), one outcome per call out, a line each. Runs sealed off, one process per program.
// Outcomes and canonical values are those of calls.py and canonical.py.
'use strict';
const vm = require('vm'), fs = require('fs'), crypto = require('crypto');
const CALL_MS = 250, MOST_LATE = 2, MOST_PARTS = 20000, DEEPEST = 60, LONGEST = 400;
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

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const say = (outcome) => write(1, outcome.replace(/\n/g, ' ') + '\n');
const quiet = { log() {}, error() {}, warn() {}, info() {}, debug() {} };
const context = vm.createContext({ console: quiet, module: { exports: {} }, exports: {} });
let late = 0;
const failed = attempt(() => {
  const typed = job.language === 'typescript';
  const code = typed ? require('module').stripTypeScriptTypes(job.program) : job.program;
  vm.runInContext(code.replace(/^export\s+(default\s+)?/gm, ''), context, { timeout: CALL_MS });
  return '';
});
for (const call of job.calls) {
  if (failed || late >= MOST_LATE) { say(failed || '~'); continue; }
  const outcome = attempt(() => '=' + canonical(vm.runInContext(call, context, { timeout: CALL_MS })));
  if (outcome === '~') late++;
  say(outcome);
}
