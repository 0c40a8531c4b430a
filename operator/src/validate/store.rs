//! Where the store is, from whichever way the spec says it.

use spike_crds::cluster::{
    CaRef, CaSource, Credentials, Migrations, Postgres as Spec, SslMode, Store as Stores,
};

use super::Invalid;
use crate::cluster::{Place, Postgres, Store};

/// The variable with the user's name.
pub(crate) const STORE_USER: &str = "STORE_USER";

/// The database if none is named: what `CloudNativePG` calls its own.
const DATABASE: &str = "app";

pub(super) fn resolve(store: &Stores) -> Result<Store, Invalid> {
    if let Some(postgres) = &store.postgres {
        return Ok(Store::Postgres(Box::new(server(postgres)?)));
    }
    if let Some(sqlite) = &store.sqlite {
        let storage = sqlite.storage.clone().unwrap_or_default();
        return Ok(Store::Sqlite { size: storage.size.0, class: storage.class_name });
    }
    if store.memory.is_some() {
        return Ok(Store::Memory);
    }
    Err(Invalid::field(
        "spec.store",
        "this version has postgres, sqlite and memory: the other kinds are reserved",
    ))
}

fn server(spec: &Spec) -> Result<Postgres, Invalid> {
    let mut found = Postgres {
        place: Place::Url(String::new()),
        port: u16::try_from(spec.port).ok(),
        credentials: spec.credentials_ref.clone(),
        migration_credentials: spec.migration_credentials_ref.clone(),
        ca: spec.ca_ref.clone(),
        connections: spec.pool.as_ref().and_then(|pool| u16::try_from(pool.connections?).ok()),
        migrate: spec.migrations == Migrations::Auto,
    };
    if let Some(secret) = &spec.url_ref {
        (found.place, found.port) = (Place::Secret(secret.clone()), None);
        return Ok(found);
    }
    let (hosts, port) = if let Some(cluster) = &spec.cluster_ref {
        let secret = |suffix: &str| format!("{}-{suffix}", cluster.name);
        found.credentials.get_or_insert_with(|| login(secret("app")));
        found.ca.get_or_insert_with(|| authority(secret("ca")));
        (secret("rw"), spec.port)
    } else if let Some(service) = &spec.service_ref {
        found.port = u16::try_from(service.port).ok();
        (service.name.clone(), service.port)
    } else if let Some(host) = &spec.host {
        (host.clone(), spec.port)
    } else {
        return Err(Invalid::field(
            "spec.store.postgres",
            "needs one of host, serviceRef, clusterRef or urlRef",
        ));
    };
    if found.credentials.is_none() {
        return Err(Invalid::field(
            "spec.store.postgres.credentialsRef",
            "name a Secret with username and password: Nexus logs in with them",
        ));
    }
    found.place = Place::Url(url(spec, &hosts, port)?);
    Ok(found)
}

/// `postgres://$(STORE_USER)@a:5432,b:5432/app?sslmode=verify-full`: the kubelet fills in who logs in,
/// from a Secret that the operator doesn't read.
fn url(spec: &Spec, hosts: &str, port: i32) -> Result<String, Invalid> {
    let plain = |text: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        !text.is_empty() && text.bytes().all(allowed)
    };
    let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
    if !hosts.iter().all(|host| plain(host)) {
        return Err(Invalid::field("spec.store.postgres.host", "must be DNS names or addresses"));
    }
    let database = spec.database.as_deref().unwrap_or(DATABASE);
    if !plain(database) {
        return Err(Invalid::field(
            "spec.store.postgres.database",
            "must have letters, digits, dots, dashes and underscores only; use urlRef for others",
        ));
    }
    let hosts: Vec<_> = hosts.iter().map(|host| format!("{host}:{port}")).collect();
    let mode = match spec.ssl_mode {
        SslMode::VerifyFull => "verify-full",
        SslMode::VerifyCa => "verify-ca",
        SslMode::Require => "require",
        SslMode::Disable => "disable",
    };
    Ok(format!("postgres://$({STORE_USER})@{}/{database}?sslmode={mode}", hosts.join(",")))
}

fn login(name: String) -> Credentials {
    Credentials { name, username_key: "username".to_owned(), password_key: "password".to_owned() }
}

fn authority(name: String) -> CaRef {
    CaRef { kind: CaSource::Secret, name, key: "ca.crt".to_owned() }
}
