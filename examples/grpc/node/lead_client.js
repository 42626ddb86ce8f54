// Works with leads over gRPC: create, read, change, list, watch. docs/grpc.md says how to build it.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const tenantId = process.env.TENANT || "default";
// Deadline and retries for every call with one answer. A watch has neither: see `changes`.
const SECONDS = 20;
const METHODS = ["CreateLead", "GetLead", "ListLeads", "UpdateLead", "DeleteLead", "ExplainLead"];
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: METHODS.map((method) => ({ service: "leadsync.lead.v1.LeadService", method })),
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.1s",
        maxBackoff: "2s",
        backoffMultiplier: 3,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};
const ERROR_DETAILS = protobuf.parse(`
  syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`).root;

/** Connect: with TLS and the certificate of this service, or in plain text on the own machine only. */
function open(address) {
  const includeDirs = [fileURLToPath(new URL("contracts", import.meta.url))];
  const contracts = protoLoader.loadSync("leadsync/lead/v1/lead_service.proto", { includeDirs });
  const { LeadService } = grpc.loadPackageDefinition(contracts).leadsync.lead.v1;
  const files = ["CA", "KEY", "CERT"].map((name) => process.env[`LEADSYNC_TLS_${name}`]);
  const credentials = files.every(Boolean)
    ? grpc.credentials.createSsl(...files.map((file) => readFileSync(file)))
    : grpc.credentials.createInsecure();
  return new LeadService(address, credentials, {
    "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
    "grpc.keepalive_time_ms": 60_000,
    "grpc.ssl_target_name_override": "lead-store", // whose certificate we expect, at any address
  });
}

/** Make a function of a method with one answer: it waits for the connection and has a deadline. */
function caller(client) {
  return (method, request) => {
    const patient = new grpc.Metadata({ waitForReady: true });
    const deadline = Date.now() + SECONDS * 1000;
    return promisify(client[method]).call(client, { tenantId, ...request }, patient, { deadline });
  };
}

/** The stable reason of an error, such as `stale_etag`; empty if the service did not give one. */
function reasonOf(error) {
  const [packed] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!packed) return "";
  const { details } = ERROR_DETAILS.lookupType("Status").decode(packed);
  const info = details.find((detail) => detail.typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return info ? ERROR_DETAILS.lookupType("ErrorInfo").decode(info.value).reason : "";
}

/** Set fields of the lead as it was read. If others have changed it since, read it again and repeat. */
async function change(call, lead, values, paths) {
  for (;;) {
    const { leadId, etag } = lead;
    try {
      return (await call("UpdateLead", { leadId, etag, lead: values, updateMask: { paths } })).lead;
    } catch (error) {
      if (reasonOf(error) !== "stale_etag") throw error;
    }
    ({ lead } = await call("GetLead", { leadId }));
  }
}

/** Watch leads without end, after the change that gave `token`. A watch that breaks off goes on where it was. */
async function* changes(client, resumeToken = "") {
  for (let pause = 100; ; pause = Math.min(pause * 2, 30_000)) {
    const watch = client.WatchLeads({ tenantId, resumeToken });
    try {
      for await (const answer of watch) {
        [resumeToken, pause] = [answer.resumeToken, 100];
        yield answer;
      }
    } catch (error) {
      // resume_token_expired (OUT_OF_RANGE) is thrown: list all leads again, then watch without a token.
      if (![grpc.status.UNAVAILABLE, grpc.status.RESOURCE_EXHAUSTED].includes(error.code)) throw error;
      console.error("watch:", error.message); // such as a refused certificate
    } finally {
      watch.cancel();
    }
    await sleep(Math.random() * pause);
  }
}

/** Read a watch until it shows this lead with this job title; resolves to where to go on from. */
async function until(answers, leadId, jobTitle) {
  for await (const { lead, resumeToken } of answers) {
    if (lead?.leadId === leadId && lead.jobTitle === jobTitle) return resumeToken;
  }
}

async function main(address = "127.0.0.1:50051", email = "ada@example.com") {
  const client = open(address);
  const call = caller(client);
  const seen = changes(client);
  await seen.next(); // the first answer comes at once: from here on nothing is missed

  const ada = { email, firstName: "Ada", customFields: { plan: "pro" } };
  const create = { requestId: randomUUID(), lead: ada, actor: "example" };
  const { lead: made } = await call("CreateLead", create);
  const { lead: again } = await call("CreateLead", create);
  const leadId = made.leadId;
  console.log("created", leadId, again.leadId === leadId ? "once" : "twice");

  const { lead } = await call("GetLead", { leadId });
  console.log("read", lead.email, lead.customFields.plan);

  console.log("changed", (await change(call, lead, { jobTitle: "Analyst" }, ["job_title"])).jobTitle);
  const stale = { leadId, etag: lead.etag, lead: { jobTitle: "Poet" }, updateMask: { paths: ["job_title"] } };
  await call("UpdateLead", stale).catch((error) => console.log("refused", grpc.status[error.code], reasonOf(error)));

  const page = await call("ListLeads", { email, pageSize: 1 });
  console.log("listed", page.leads.length, page.nextPageToken ? "more pages" : "last page");

  const token = await until(seen, leadId, "Analyst"); // this also ends the watch
  console.log("watched", leadId);
  await change(call, lead, { jobTitle: "Countess" }, ["job_title"]); // while nobody watches
  await until(changes(client, token), leadId, "Countess");
  console.log("resumed", leadId);
  client.close();
}

await main(...process.argv.slice(2));
