//! TLS: whom to trust, and who we are.

#[cfg(feature = "tls")]
pub(crate) use with::Tls;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Tls;

#[cfg(feature = "tls")]
mod with {
    use super::super::socket::Socket;
    use crate::config::Address;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
    use std::io::{self, ErrorKind};
    use std::path::Path;
    use std::sync::Arc;

    /// Made once: reading the authorities of the system takes its time.
    #[derive(Debug, Clone)]
    pub(crate) struct Tls(Arc<ClientConfig>);

    impl Tls {
        /// Trusts the authorities in `ca_file`, or else those of the system. `identity` is the
        /// client's own certificate and key.
        ///
        /// # Errors
        ///
        /// A file, and why it cannot be used.
        pub(crate) fn new(
            ca_file: Option<&Path>,
            identity: Option<(&Path, &Path)>,
        ) -> Result<Self, String> {
            let roots = match ca_file {
                Some(path) => authorities(path)?,
                None => authorities_of_the_system()?,
            };
            // Not what the application chose for the process: it may have chosen nothing.
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots);
            let config = match identity {
                None => config.with_no_client_auth(),
                Some((certificate, key)) => {
                    let chain = certificates("cert_file", certificate)?;
                    let pem = read("key_file", key)?;
                    let unusable = |error: &dyn std::fmt::Display| {
                        format!("option \"key_file\" is {key:?}: it cannot be used: {error}")
                    };
                    let key =
                        PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unusable(&error))?;
                    config.with_client_auth_cert(chain, key).map_err(|error| unusable(&error))?
                }
            };
            Ok(Self(Arc::new(config)))
        }

        /// Makes sure who is on the other side.
        pub(in super::super) fn greet(
            &self,
            mut socket: Socket,
            address: &Address,
        ) -> io::Result<StreamOwned<ClientConnection, Socket>> {
            let Address::Tcp { host, .. } = address else {
                return Err(io::Error::other("TLS needs the name of a host"));
            };
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let mut client =
                ClientConnection::new(self.0.clone(), name).map_err(io::Error::other)?;
            while client.is_handshaking() {
                client.complete_io(&mut socket).map_err(without_answer)?;
            }
            Ok(StreamOwned::new(client, socket))
        }
    }

    /// A server without TLS may wait for more, or hang up.
    fn without_answer(error: io::Error) -> io::Error {
        match error.kind() {
            kind
            @ (ErrorKind::TimedOut | ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                let todo = "TLS is not answered; if that port has no TLS, write redis:// instead of \
                            rediss://";
                io::Error::new(kind, todo)
            }
            _ => error,
        }
    }

    fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let pem = read(option, path)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates
            .map_err(|error| format!("option {option:?} is {path:?}: it is not PEM: {error}"))?;
        if certificates.is_empty() {
            return Err(format!(
                "option {option:?} is {path:?}: it has no certificate in it (PEM)"
            ));
        }
        Ok(certificates)
    }

    fn read(option: &str, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path)
            .map_err(|error| format!("option {option:?} is {path:?}: it cannot be read: {error}"))
    }

    fn authorities(path: &Path) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca_file", path)? {
            roots.add(certificate).map_err(|error| {
                format!("option \"ca_file\" is {path:?}: a certificate in it is no good: {error}")
            })?;
        }
        Ok(roots)
    }

    fn authorities_of_the_system() -> Result<RootCertStore, String> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added > 0 {
            return Ok(roots);
        }
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        Err(format!("no authority is trusted by this system{why}; give option \"ca_file\""))
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use std::convert::Infallible;
    use std::path::Path;

    /// Never there.
    #[derive(Debug, Clone)]
    pub(crate) struct Tls(pub(in super::super) Infallible);

    impl Tls {
        /// # Errors
        ///
        /// Always.
        pub(crate) fn new(_: Option<&Path>, _: Option<(&Path, &Path)>) -> Result<Self, String> {
            Err("this program was built without TLS; enable the feature \"tls\" of \
                 pytheus-backend-redis, or use redis://"
                .into())
        }
    }
}
