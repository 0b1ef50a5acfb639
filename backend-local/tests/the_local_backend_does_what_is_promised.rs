//! The local backend, held to the conformance kit.

use pytheus_backend_local::Local;

pytheus_core::conformance!(Local::new);
