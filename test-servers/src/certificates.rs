//! Certificates for servers and clients that speak TLS.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// PEM files of an authority, and of a server and a client that it vouches for.
///
/// The server's certificate is for `localhost` and `127.0.0.1`.
///
/// # Examples
///
/// ```
/// let server = pytheus_test_servers::Server::builder().tls().start();
/// let certificates = server.certificates().unwrap();
/// assert!(std::fs::read_to_string(certificates.authority())?.starts_with("-----BEGIN CERTIFICATE"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// The authority's certificate, for a client to trust (`ca.pem`).
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate.
    pub fn server(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// A client's certificate.
    pub fn client(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// That client's private key.
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client.key")
    }

    /// Makes them all and writes them into this folder.
    pub(crate) fn write(folder: &Path) -> Self {
        let certificates = Self { folder: folder.to_owned() };
        certificates.make().unwrap_or_else(|error| panic!("no certificates: {error}"));
        certificates
    }

    fn make(&self) -> Result<(), Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        put(&self.authority(), &params.self_signed(&key)?.pem());
        let issuer = Issuer::new(params, key);

        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        sign(&issuer, "server", names, &self.server(), &self.server_key())?;
        sign(&issuer, "client", Vec::new(), &self.client(), &self.client_key())
    }
}

fn sign(
    issuer: &Issuer<'_, KeyPair>,
    common_name: &str,
    names: Vec<String>,
    certificate: &Path,
    key_file: &Path,
) -> Result<(), Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    put(certificate, &params.signed_by(&key, issuer)?.pem());
    put(key_file, &key.serialize_pem());
    Ok(())
}

fn put(path: &Path, pem: &str) {
    std::fs::write(path, pem).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
