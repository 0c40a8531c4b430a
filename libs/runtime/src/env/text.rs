//! Parsers of small values, and the remedies that go with them.

use url::Url;

pub(super) const DURATION: &str = "Use a Go duration such as 20s, 500ms or 1h30m.";
pub(super) const LISTEN: &str = "Use [host]:port such as :8553, 127.0.0.1:8553 or [::1]:8553.";
pub(super) const BOOLEAN: &str = "Use true or false.";
pub(super) const URL: &str = "Use an https URL such as https://nexus.example:8553.";
pub(super) const URLS: &str =
    "List different https URLs, separated by commas: https://keeper-0:8443,https://keeper-1:8443.";
pub(super) const FILE: &str = "Name a file that exists and that this user may read.";

/// The remedy, with a hint where Kubernetes itself set the variable.
///
/// For a Service `spike-nexus-tls` the kubelet sets `SPIKE_NEXUS_TLS_PORT=tcp://10.0.0.1:8553`.
pub(super) fn remedy(value: &str, remedy: &str) -> String {
    if value.starts_with("tcp://") {
        format!("{remedy} Kubernetes sets this for a Service; set enableServiceLinks: false.")
    } else {
        remedy.to_owned()
    }
}

/// As Go's `strconv.ParseBool`.
pub(super) fn boolean(raw: &str) -> Result<bool, &'static str> {
    match raw {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("not a boolean"),
    }
}

pub(super) fn https(raw: &str) -> Result<Url, String> {
    let url = Url::parse(raw.trim()).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL here has no user name or password".to_owned());
    }
    if url.scheme() != "https" {
        return Err(format!("{url} isn't an https URL"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{url} has a query or a fragment"));
    }
    Ok(url)
}

pub(super) fn https_list(raw: &str) -> Result<Vec<Url>, String> {
    let urls = raw.split(',').map(https).collect::<Result<Vec<_>, _>>()?;
    let twice = urls.iter().enumerate().find(|(at, url)| urls.iter().take(*at).any(|u| u == *url));
    match twice {
        Some((_, url)) => Err(format!("{url} is listed twice")),
        None => Ok(urls),
    }
}
