//! Addresses of brokers.

use simulator::link::Broker;

#[test]
fn addresses_are_read() {
    let parse = |url: &str| Broker::parse(url, || Ok(b"pem".to_vec()));
    assert_eq!(
        parse("mqtt://broker.local"),
        Ok(Broker::tcp("broker.local", 1883))
    );
    assert_eq!(
        parse("mqtt://127.0.0.1:1884/"),
        Ok(Broker::tcp("127.0.0.1", 1884))
    );
    assert_eq!(parse("mqtt://[::1]"), Ok(Broker::tcp("[::1]", 1883)));
    assert_eq!(parse("mqtt://[::1]:9"), Ok(Broker::tcp("[::1]", 9)));
    let tls = Broker {
        tls: Some(b"pem".to_vec()),
        ..Broker::tcp("broker.local", 8883)
    };
    assert_eq!(parse("mqtts://broker.local"), Ok(tls));
    for wrong in [
        "broker.local",
        "http://broker.local",
        "mqtt://",
        "mqtt://a:b",
        "mqtt://me:pw@broker:1883",
        "mqtt://a/b",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}
