// A closed loop of requests on one Nexus or several: `k6 run -e URLS=…,… -e OP=get|put load.js`.
// Each client stays with one of them.
// CERT and KEY name the PEM files of the caller's X.509-SVID.
import http from "k6/http";
import exec from "k6/execution";

const urls = __ENV.URLS.split(",");
// Fewer than the shortest round of puts, which make what the gets after it read.
const paths = 250;
const value = "x".repeat(200);
const params = { headers: { "Content-Type": "application/json" }, responseType: "none" };

export const options = {
    vus: Number(__ENV.CLIENTS || 16),
    duration: __ENV.ROUND || "6s",
    insecureSkipTLSVerify: true, // SPIFFE names no host; the server's identity is not what is measured
    tlsAuth: [{ cert: open(__ENV.CERT), key: open(__ENV.KEY) }],
    summaryTrendStats: ["med", "p(99)"],
};

export default function () {
    const path = `bench/${exec.scenario.iterationInTest % paths}`;
    const put = __ENV.OP === "put";
    const nexus = urls[exec.vu.idInTest % urls.length];
    const url = `${nexus}/v1/store/secrets${put ? "" : "?action=get"}`;
    http.post(url, JSON.stringify(put ? { path, values: { value } } : { path }), params);
}

export function handleSummary(data) {
    const m = data.metrics;
    return {
        stdout: JSON.stringify({
            requests: m.http_reqs.values.count,
            per_second: m.http_reqs.values.rate,
            failed: m.http_req_failed.values.passes,
            p50_ms: m.http_req_duration.values.med,
            p99_ms: m.http_req_duration.values["p(99)"],
        }) + "\n",
    };
}
