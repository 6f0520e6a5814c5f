// A client of Lambda's Runtime API over one bare socket. AWS's own (aws-lambda-ric) is compiled at installation with
// tools that few machines have; this one does less than it, which is in the peer's favour.
import net from 'node:net';
import { pathToFileURL } from 'node:url';

const [file, name] = process.argv.slice(2);
const api = process.env.AWS_LAMBDA_RUNTIME_API;
const [host, port] = api.split(':');
const BASE = '/2018-06-01/runtime/invocation';

const socket = net.connect({ host, port: Number(port), noDelay: true });
let read = Buffer.alloc(0);
let answered;

socket.on('data', (chunk) => {
  read = read.length ? Buffer.concat([read, chunk]) : chunk;
  const head = read.indexOf('\r\n\r\n');
  if (head < 0) return;
  const headers = {};
  for (const line of read.toString('latin1', 0, head).split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const end = head + 4 + Number(headers['content-length'] ?? 0);
  if (read.length < end) return;
  const body = read.toString('utf8', head + 4, end);
  read = read.subarray(end);
  answered({ headers, body });
});
socket.on('close', () => process.exit(0));

const send = (text) =>
  new Promise((resolve) => {
    answered = resolve;
    socket.write(text);
  });

const post = (path, value) => {
  const body = JSON.stringify(value);
  return send(`POST ${BASE}/${path} HTTP/1.1\r\nHost: ${api}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};

const handler = (await import(pathToFileURL(file)))[name];
for (;;) {
  const { headers, body } = await send(`GET ${BASE}/next HTTP/1.1\r\nHost: ${api}\r\n\r\n`);
  const id = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  try {
    await post(`${id}/response`, await handler(JSON.parse(body), context));
  } catch (error) {
    await post(`${id}/error`, { errorType: error.name, errorMessage: error.message });
  }
}
