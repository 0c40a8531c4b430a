//! A throw-away authority and the certificates of a cluster's components. Keys lie in the run's
//! folder in clear: they are worth nothing outside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// Who a client of the API server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: Option<&'a str>,
}

impl User<'_> {
    /// May do everything.
    pub(crate) const ADMIN: User<'static> = User::of("admin", "system:masters");

    pub(crate) const fn named(name: &str) -> User<'_> {
        User { name, group: None }
    }

    pub(crate) const fn of<'a>(name: &'a str, group: &'a str) -> User<'a> {
        User { name, group: Some(group) }
    }
}

/// A certificate with its private key, PEM.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Issues the certificates of one cluster.
pub(crate) struct Authority {
    /// The root certificate, PEM.
    pub(crate) certificate: String,
    params: CertificateParams,
    key: KeyPair,
    folder: PathBuf,
}

impl Authority {
    /// Makes a root, and the keys of service accounts' tokens, and writes them into `folder`.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        let mut params = named(User::named("spike-testbed"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        fs::write(folder.join("ca.crt"), &certificate)?;
        let tokens = KeyPair::generate()?;
        fs::write(folder.join("service-accounts.key"), tokens.serialize_pem())?;
        fs::write(folder.join("service-accounts.pub"), tokens.public_key_pem())?;
        Ok(Self { certificate, params, key, folder: folder.to_owned() })
    }

    /// The root certificate's file.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The key that signs the tokens of service accounts.
    pub(crate) fn tokens_key(&self) -> PathBuf {
        self.folder.join("service-accounts.key")
    }

    /// The key that checks them.
    pub(crate) fn tokens_public_key(&self) -> PathBuf {
        self.folder.join("service-accounts.pub")
    }

    /// A client's certificate.
    pub(crate) fn client(&self, user: User<'_>) -> anyhow::Result<Issued> {
        let mut params = named(user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    /// A server's certificate for these names and addresses.
    pub(crate) fn server(&self, name: &str, names: &[String]) -> anyhow::Result<Issued> {
        let mut params = named(User::named(name));
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params)
    }

    /// Writes `<name>.crt` and `<name>.key`; their paths.
    pub(crate) fn write(&self, name: &str, issued: &Issued) -> anyhow::Result<(PathBuf, PathBuf)> {
        let (certificate, key) =
            (self.folder.join(format!("{name}.crt")), self.folder.join(format!("{name}.key")));
        fs::write(&certificate, &issued.certificate)?;
        fs::write(&key, &issued.key)?;
        Ok((certificate, key))
    }

    fn issue(&self, mut params: CertificateParams) -> anyhow::Result<Issued> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }
}

fn named(user: User<'_>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user.name);
    if let Some(group) = user.group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}
