// OpenLLMetry's and OpenInference's instrumentations for Node, of OpenAI's and Anthropic's clients. LIBRARY is traceloop or arize.
// Anthropic's SDK may write spans of its own; they are off here.

process.env.ANTHROPIC_OPEN_TELEMETRY = 'false';

const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { envDetector, detectResources, defaultResource } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

const arize = process.env.LIBRARY === 'arize';
const packages = arize
  ? ['@arizeai/openinference-instrumentation-openai', '@arizeai/openinference-instrumentation-anthropic']
  : ['@traceloop/instrumentation-openai', '@traceloop/instrumentation-anthropic'];
const { OpenAIInstrumentation } = require(packages[0]);
const { AnthropicInstrumentation } = require(packages[1]);

const provider = new NodeTracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
registerInstrumentations({ tracerProvider: provider, instrumentations: [new OpenAIInstrumentation(), new AnthropicInstrumentation()] });

const { OpenAI } = require('openai');
const { Anthropic } = require('@anthropic-ai/sdk');

const url = process.env.RECORD_URL;
const ask = async (path, doc) => {
  const r = await fetch(url + path, doc && { method: 'POST', body: JSON.stringify(doc) });
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
  return r.json();
};
// The model server stands behind the providers' real addresses, so that spans look as in production.
const redirect = (input, init) => fetch(url + new URL(input.url ?? input).pathname, init);
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

async function openaiCall(c) {
  const client = new OpenAI({ apiKey: 'none', maxRetries: c.retries, fetch: redirect });
  if (c.api === 'embeddings') return client.embeddings.create({ model: c.model, input: 'Where is my parcel?' });
  if (c.api === 'responses') {
    const answer = await client.responses.create({ model: c.model, input: 'Say done.', stream: c.stream });
    if (c.stream) for await (const _ of answer);
    return;
  }
  const messages = [{ role: 'user', content: 'Say done.' }];
  const more = {
    ...(c.tier && { service_tier: c.tier }),
    ...(c.answers.some((a) => a.tool) && { tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }] }),
    ...(c.stream && { stream: true }),
    ...(c.stream && c.stream_usage && { stream_options: { include_usage: true } }),
  };
  for (let i = 0; i < c.answers.length - c.retries; i++) {
    const answer = await client.chat.completions.create({ model: c.model, messages, ...more });
    if (c.stream) {
      let n = 0;
      for await (const _ of answer) if (c.abandon && n++ === 1) break;
      return;
    }
    const { message } = answer.choices[0];
    if (message.tool_calls) messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'Sunny.' });
  }
}

async function anthropicCall(c) {
  const client = new Anthropic({ apiKey: 'none', maxRetries: c.retries, fetch: redirect });
  const messages = [{ role: 'user', content: 'Say done.' }];
  const tools = c.answers.some((a) => a.tool) ? { tools: [{ name: 'weather', input_schema: schema }] } : {};
  for (const _ of c.answers) {
    const answer = await client.messages.create({ model: c.model, max_tokens: 1000, messages, stream: c.stream, ...tools });
    if (c.stream) {
      for await (const _ of answer);
      return;
    }
    if (answer.stop_reason === 'tool_use') {
      messages.push({ role: 'assistant', content: answer.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: answer.content[0].id, content: 'Sunny.' }] });
    }
  }
}

function version(name) {
  for (const dir of require.resolve.paths(name)) {
    try {
      return require(`${dir}/${name}/package.json`).version;
    } catch {}
  }
}

async function main() {
  // Of these they write no span at all, so there is nothing to record.
  const skip = new Set(arize ? ['chat-rate-limited', 'chat-server-error', 'chat-stream-abandoned']
    : ['chat-rate-limited', 'chat-server-error', 'chat-stream-abandoned', 'embeddings']);
  for (const [name, c] of Object.entries(await ask('/_cases'))) {
    const side = { chat: 'openai', responses: 'openai', embeddings: 'openai', messages: 'anthropic' }[c.api];
    if (!side || name.startsWith('agent') || skip.has(name)) continue;
    const emitter = `${arize ? 'openinference' : 'openllmetry'}-node-${side}`;
    const used = [packages[side === 'openai' ? 0 : 1], side === 'openai' ? 'openai' : '@anthropic-ai/sdk', '@opentelemetry/sdk-trace-node'];
    await ask('/_begin', { emitter, case: name, script: 'node_sdks.cjs', provider: side, versions: Object.fromEntries(used.map((p) => [p, version(p)])) });
    await (side === 'openai' ? openaiCall(c) : anthropicCall(c)).catch((err) => {
      if (![429, 500, 529].includes(err.status)) throw err;
    });
    await new Promise((done) => setTimeout(done, 50)); // some spans end after the answer was handed out
    await provider.forceFlush();
    await ask('/_end', {});
    console.log(`  ${emitter}/${name}`);
  }
  process.exit(0);
}

main();
