// The Vercel AI SDK: its OpenTelemetry integration, and with LEGACY=1 the spans it wrote before (scope "ai"), which the same
// package still offers. One generateText is a root span, a step span and a span per request.

import { createRequire } from 'node:module';
import { createAnthropic } from '@ai-sdk/anthropic';
import { LegacyOpenTelemetry, OpenTelemetry } from '@ai-sdk/otel';
import { createOpenAI } from '@ai-sdk/openai';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { envDetector, detectResources, defaultResource } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, embedMany, generateText, isStepCount, jsonSchema, Output, registerTelemetry, streamText, tool } from 'ai';

const url = process.env.RECORD_URL;
const legacy = process.env.LEGACY === '1';
const ask = async (path, doc) => {
  const r = await fetch(url + path, doc && { method: 'POST', body: JSON.stringify(doc) });
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
  return r.json();
};
const cases = await ask('/_cases');

const provider = new NodeTracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
registerTelemetry(legacy ? new LegacyOpenTelemetry() : new OpenTelemetry());

// The model server stands behind the providers' real addresses, so that spans look as in production.
const redirect = (input, init) => fetch(url + new URL(input.url ?? input).pathname, init);
const openai = createOpenAI({ apiKey: 'none', fetch: redirect });
const anthropic = createAnthropic({ apiKey: 'none', fetch: redirect });

const weather = tool({
  description: 'The weather.',
  inputSchema: jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
  execute: async () => 'Sunny.',
});

async function call(c) {
  const telemetry = { isEnabled: true, functionId: 'assistant' };
  if (c.api === 'embeddings') {
    const model = openai.embedding(c.model);
    return c.many ? embedMany({ model, values: ['One.', 'Two.'], telemetry }) : embed({ model, value: 'Where is my parcel?', telemetry });
  }
  const of = { chat: openai.chat, responses: openai.responses, messages: anthropic }[c.api];
  const request = {
    model: of(c.model), prompt: 'Say done.', maxRetries: c.retries, telemetry, experimental_telemetry: telemetry,
    ...(c.answers.some((a) => a.tool) && { tools: { weather }, stopWhen: isStepCount(5) }),
    ...(c.tier && { providerOptions: { openai: { serviceTier: c.tier } } }),
    ...(c.object && { output: Output.object({ schema: jsonSchema({ type: 'object', properties: {} }) }) }),
  };
  if (!c.stream) return generateText(request);
  const stop = new AbortController();
  const answer = streamText({ ...request, abortSignal: stop.signal, onError: () => {} });
  for await (const _ of answer.textStream) if (c.abandon) stop.abort();
}

const require = createRequire(import.meta.url);
const versions = Object.fromEntries(
  ['ai', '@ai-sdk/otel', '@ai-sdk/openai', '@ai-sdk/anthropic', '@opentelemetry/sdk-trace-node'].map((p) => [p, version(p)]),
);
function version(name) {
  for (const dir of require.resolve.paths(name)) {
    try {
      return require(`${dir}/${name}/package.json`).version;
    } catch {}
  }
}

// The SDK always asks a chat stream for its usage, and sends no audio to chat completions.
const skip = new Set(['chat-stream-no-usage', 'chat-audio']);
for (const [name, c] of Object.entries(cases)) {
  if (skip.has(name) || name.endsWith('-refused') || ['generate', 'converse', 'mistral'].includes(c.api)) continue;
  const side = c.api === 'messages' ? 'anthropic' : 'openai';
  const emitter = legacy ? `vercel-legacy-${side}` : `vercel-${side}`;
  await ask('/_begin', { emitter, case: name, script: 'vercel.mjs', provider: side, versions });
  await call(c).catch((err) => {
    const status = (err.lastError ?? err).statusCode;
    if (![429, 500, 529].includes(status)) throw err;
  });
  await provider.forceFlush();
  await ask('/_end', {});
  console.log(`  ${emitter}/${name}`);
}
process.exit(0);
