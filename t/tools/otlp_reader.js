// Reads lines of OTLP/JSON as a collector does: by the messages of opentelemetry-proto, as
// @opentelemetry/otlp-transformer has them. What is unknown to them, has another type, or is not the
// same when it was encoded as protobuf and decoded again, is an error. Prints what was read.
//
// usage: node otlp_reader.js MODULES traces|logs FILE    MODULES is the folder with node_modules

'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');

const [modules, kind, file] = process.argv.slice(2);
const root = require(path.join(modules, 'node_modules/@opentelemetry/otlp-transformer/build/src/generated/root'));
const collector = root.opentelemetry.proto.collector;
const Request = kind === 'logs' ? collector.logs.v1.ExportLogsServiceRequest : collector.trace.v1.ExportTraceServiceRequest;

// OTLP's JSON has ids as hex, where that of protobuf has bytes as base64.
const ids = { traceId: 16, spanId: 8, parentSpanId: 8 };
function toBase64(value) {
  if (Array.isArray(value)) return value.map(toBase64);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
    if (!(key in ids)) return [key, toBase64(inner)];
    assert.match(inner, new RegExp(`^[0-9a-f]{${2 * ids[key]}}$`), key);
    assert.doesNotMatch(inner, /^0+$/, key);
    return [key, Buffer.from(inner, 'hex').toString('base64')];
  }));
}

function plain(any) {
  const [type] = Object.keys(any);
  return { type, value: type === 'arrayValue' ? any.arrayValue.values.map((one) => plain(one).value) : any[type] };
}
function attributes(list) {
  const all = {};
  for (const { key, value } of list || []) {
    assert.ok(!(key in all), `${key} is there twice`);
    all[key] = plain(value);
  }
  return all;
}

const decoder = new TextDecoder('utf-8', { fatal: true });
const lines = decoder.decode(fs.readFileSync(file)).split('\n');
assert.equal(lines.pop(), '', 'the last line has its end');
for (const line of lines) {
  try {
    const json = toBase64(JSON.parse(line));
    const message = Request.fromObject(json);
    const wrong = Request.verify(message);
    assert.ok(!wrong, wrong);
    const back = Request.toObject(Request.decode(Request.encode(message).finish()), { longs: String, bytes: String });
    assert.deepEqual(back, json);
    if (Object.keys(json).length === 0) { console.log('{}'); continue; }
    const [group, ...moreGroups] = json[kind === 'logs' ? 'resourceLogs' : 'resourceSpans'];
    const [scoped, ...moreScopes] = group[kind === 'logs' ? 'scopeLogs' : 'scopeSpans'];
    const [one, ...more] = JSON.parse(line)[kind === 'logs' ? 'resourceLogs' : 'resourceSpans'][0][kind === 'logs' ? 'scopeLogs' : 'scopeSpans'][0][kind === 'logs' ? 'logRecords' : 'spans'];
    assert.deepEqual([moreGroups, moreScopes, more], [[], [], []], 'one each');
    console.log(JSON.stringify({
      ...one,
      resource: attributes(group.resource.attributes),
      scope: scoped.scope,
      attributes: attributes(one.attributes),
      ...(one.body ? { body: one.body.stringValue } : {}),
      events: (one.events || []).map((event) => ({ ...event, attributes: attributes(event.attributes) })),
    }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message), line }));
  }
}
