#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pytheus_backend_shm_fuzz::read(input));
