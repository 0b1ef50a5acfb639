//! What one server promises.

use pytheus_test_servers::Server;

#[test]
fn servers_that_start_at_once_do_not_get_in_each_others_way() {
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(Server::start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for (mine, server) in servers.iter().enumerate() {
        server.command(["SET", "mine", &mine.to_string()]);
    }
    for (mine, server) in servers.iter().enumerate() {
        let mut connection = server.client().get_connection().unwrap();
        let seen: usize = redis::cmd("GET").arg("mine").query(&mut connection).unwrap();
        assert_eq!(seen, mine);
    }
}
