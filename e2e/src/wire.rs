//! Raw HTTPS under an identity: what a client that isn't ours would send.

use std::collections::BTreeMap;

use anyhow::Context;
use reqwest::{Client, Method};
use spike_identity::{Expected, Identity};

/// An identity that sends requests.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it isn't.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Caller {
    /// A caller with this identity. It takes any server for what it says it is: the server's own
    /// identity is another test's subject.
    pub fn new(identity: &Identity) -> anyhow::Result<Self> {
        let tls = identity.client_config(Expected::any());
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .context("build a client")?;
        Ok(Self { client })
    }

    /// Sends one request.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let method = Method::from_bytes(method.as_bytes())?;
        let request = self.client.request(method, url).header("content-type", content_type);
        let answer = request.body(body).send().await?;
        let status = answer.status().as_u16();
        let headers = answer.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
            .collect();
        Ok(Answer { status, headers, body: answer.bytes().await?.to_vec() })
    }

    /// Posts JSON.
    pub async fn post(&self, url: &str, body: serde_json::Value) -> anyhow::Result<Answer> {
        self.send("POST", url, "application/json", body.to_string().into_bytes()).await
    }
}
