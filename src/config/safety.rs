//! Settings that are well formed and still must not be: patients' data in the clear on a network that is not ours alone.

use std::net::IpAddr;

use secrecy::ExposeSecret;

use super::keys::Keys;
use super::{Config, MqttUrl};

pub(super) fn check(config: &Config, keys: &mut Keys<'_>) {
    let http = &config.http;
    if !http.listen.ip().is_loopback() && !http.behind_tls_proxy {
        keys.refuse(
            "http.listen",
            format!(
                "{} would serve patients' data without TLS beyond this machine",
                http.listen
            ),
            "put a TLS proxy in front and set http.behind_tls_proxy = true, or listen on 127.0.0.1",
        );
    }
    let mqtt = &config.mqtt;
    match &mqtt.url {
        MqttUrl::Embedded if !mqtt.listen.ip().is_loopback() && !mqtt.trusted_network => keys.refuse(
            "mqtt.listen",
            format!("{} would take units' secrets and readings without TLS beyond this machine", mqtt.listen),
            "put a TLS proxy in front or use an external broker with mqtts; mqtt.trusted_network = true says that the network is your own",
        ),
        MqttUrl::External(url) if !mqtt.trusted_network => {
            if let Some(host) = url.strip_prefix("mqtt://")
                && !is_this_machine(host)
            {
                keys.refuse(
                    "mqtt.url",
                    "would send patients' data without TLS to another machine",
                    "use mqtts://; mqtt.trusted_network = true says that the network is your own",
                );
            }
        }
        MqttUrl::Embedded | MqttUrl::External(_) => {}
    }
    if let MqttUrl::External(url) = &mqtt.url
        && url.starts_with("mqtts://")
        && mqtt.ca_file.is_none()
    {
        keys.refuse(
            "mqtt.ca_file",
            "is needed for mqtts, to know the broker by",
            "/etc/ssl/certs/ca-certificates.crt holds the public authorities on Debian",
        );
    }
    if mqtt.hard_cap < usize::from(mqtt.receive_maximum) {
        keys.refuse(
            "mqtt.hard_cap",
            "is below mqtt.receive_maximum, so that a well-behaved broker would be cut off",
            "twice receive_maximum is a good value",
        );
    }
    let database = config.database.url.expose_secret();
    if let Some((_, rest)) = database.split_once("://")
        && !config.database.trusted_network
    {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let secured = ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"];
        // Without a host it is a socket of this machine.
        if !host.is_empty()
            && !host.starts_with("%2F")
            && !is_this_machine(host)
            && !secured.iter().any(|mode| rest.contains(mode))
        {
            keys.refuse(
                "database.url",
                "would send patients' data without TLS to another machine",
                "add ?sslmode=verify-full; database.trusted_network = true says that the network is your own",
            );
        }
    }
}

/// `host`, `host:port` or `[::1]:port`.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => authority.split([':', '/']).next().unwrap_or(authority),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
