//! Names and values with what means something in a line.

mod server;

use pytheus_core::Registry;
use server::Server;
use statsd_backend::{Statsd, StatsdConfig};

#[test]
fn values_keep_to_their_tag() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let hits = registry.counter("hits_total", "Hits").label_names(["a", "b"]).register().unwrap();
    hits.with(["x,admin:1", "y|@0.1\nforged:1|c"]).inc();
    assert_eq!(server.receive(), "hits_total:1|c|#a:x_admin_1,b:y__0.1_forged_1_c");
    hits.with(["#\r\0\u{85}", "::"]).inc();
    assert_eq!(server.receive(), "hits_total:1|c|#a:____,b:__");
}

#[test]
fn names_of_any_text_keep_to_their_place() {
    let server = Server::new();
    let prefix = Some("shop:1|c\n".into());
    let statsd = Statsd::connect(&server.address(), StatsdConfig { prefix }).unwrap();
    let registry = Registry::builder(statsd).utf8_names().build().unwrap();
    let hits = registry.counter("_e{1,1}:a|b\nç", "Hits").label_names(["x:y,z"]);
    hits.register().unwrap().with(["1"]).inc();
    assert_eq!(server.receive(), "shop_1_c_._e_1_1__a_b__:1|c|#x_y_z:1");
    let door = registry.state_set("d:1", "The door").states(["a|b", "c,d"]).register().unwrap();
    door.only("a|b").unwrap();
    let lines = [server.receive(), server.receive()];
    let name = "shop_1_c_.d_1";
    assert_eq!(lines, [format!("{name}:1|g|#d_1:a_b"), format!("{name}:0|g|#d_1:c_d")]);
}
