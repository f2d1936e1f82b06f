//! One MQTT connection: the client library's packets on a stream of our own. Everything that is due goes out in one
//! write, and nothing more is read before what was read has been taken: who can take no more only has to stop asking,
//! and the rest waits at the broker.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::Error;
use rumqttc::v5::mqttbytes::v5::{
    self, ConnAck, Connect, ConnectProperties, ConnectReturnCode, Disconnect, DisconnectReasonCode, Packet,
    PacketType, PingReq, Publish,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep};

use super::endpoint::Endpoint;
use super::keep_alive::{Act, KeepAlive};
use super::link::Fault;

/// Silence after which the broker is asked whether it is there; it may wish for less.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Bytes for which there is room before each read, at least.
const ROOM: usize = 16 * 1024;
const BUFFER: usize = 4 * ROOM;

pub(super) type Reader = Box<dyn AsyncRead + Send + Sync + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Sync + Unpin>;

pub(super) struct Connection {
    address: String,
    reader: Reader,
    writer: Writer,
    input: BytesMut,
    /// Bytes that the packet at the front of the input is short of.
    missing: usize,
    max_packet: Option<u32>,
    output: BytesMut,
    unflushed: bool,
    /// Nothing can be written any more. What the broker said before it went is still read.
    broken: bool,
    keep_alive: KeepAlive,
    alarm: Pin<Box<Sleep>>,
}

impl Connection {
    /// Signed in, within ten seconds.
    pub(super) async fn open(
        endpoint: &Endpoint,
        client_id: &str,
        clean_start: bool,
        properties: ConnectProperties,
    ) -> Result<(Self, ConnAck), Fault> {
        let opening = async {
            let (reader, writer) = endpoint.dial().await?;
            let mut connection = Self::new(endpoint.address(), reader, writer, properties.max_packet_size);
            let connect = Connect {
                keep_alive: u16::try_from(KEEP_ALIVE.as_secs()).unwrap_or(u16::MAX),
                client_id: client_id.to_owned(),
                clean_start,
                properties: Some(properties),
            };
            connection.put(&Packet::Connect(connect, None, endpoint.login()))?;
            match connection.next(true).await? {
                Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {
                    connection.settle(&ack);
                    Ok((connection, ack))
                }
                Packet::ConnAck(ack) => Err(connection.turned_away(ack.code)),
                _ => Err(connection.fault("it answered the sign-in with something else")),
            }
        };
        let opened = tokio::time::timeout(CONNECT_WITHIN, opening).await;
        opened.unwrap_or_else(|_| {
            let (address, seconds) = (endpoint.address(), CONNECT_WITHIN.as_secs());
            Err(Fault::Unreachable(format!(
                "{address} did not answer within {seconds} s"
            )))
        })
    }

    fn new(address: String, reader: Reader, writer: Writer, max_packet: Option<u32>) -> Self {
        let keep_alive = KeepAlive::new(KEEP_ALIVE, Instant::now());
        Self {
            address,
            reader,
            writer,
            input: BytesMut::with_capacity(BUFFER),
            missing: 0,
            max_packet,
            output: BytesMut::with_capacity(BUFFER),
            unflushed: false,
            broken: false,
            alarm: Box::pin(tokio::time::sleep_until(keep_alive.due())),
            keep_alive,
        }
    }

    fn settle(&mut self, ack: &ConnAck) {
        let wish = ack.properties.as_ref().and_then(|given| given.server_keep_alive);
        // Zero means that the broker does not care; we do.
        if let Some(seconds @ 1..) = wish {
            let every = Duration::from_secs(seconds.into()).min(KEEP_ALIVE);
            self.keep_alive = KeepAlive::new(every, Instant::now());
            self.alarm.as_mut().reset(self.keep_alive.due());
        }
    }

    /// Goes out with everything else that is due, once `next` is waited for.
    pub(super) fn put(&mut self, packet: &Packet) -> Result<(), Fault> {
        match packet.write(&mut self.output, None) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// The same of a message that is kept until it is answered.
    pub(super) fn put_publish(&mut self, publish: &Publish) -> Result<(), Fault> {
        match publish.write(&mut self.output) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// The next packet; where we are not `reading` it never comes. Meanwhile what is due is written and the connection
    /// is kept alive. Loses nothing where it is dropped.
    pub(super) async fn next(&mut self, reading: bool) -> Result<Packet, Fault> {
        loop {
            if reading && let Some(packet) = self.buffered()? {
                return Ok(packet);
            }
            self.turn(reading).await?;
        }
    }

    /// The next packet of those that have been read already.
    pub(super) fn buffered(&mut self) -> Result<Option<Packet>, Fault> {
        let header = match v5::check(self.input.iter(), self.max_packet) {
            Ok(header) => header,
            Err(Error::InsufficientBytes(missing)) => {
                self.missing = missing;
                return Ok(None);
            }
            Err(error) => return Err(self.fault(&error)),
        };
        let mut packet = self.input.split_to(header.frame_length());
        if matches!(header.packet_type(), Ok(PacketType::Disconnect)) {
            return Err(self.sent_away(&packet));
        }
        Packet::read(&mut packet, None)
            .map(Some)
            .map_err(|error| self.fault(&error))
    }

    /// Says goodbye after everything that is due, and waits until the broker closes its end: nothing else tells that it
    /// has read it all.
    pub(super) async fn goodbye(mut self) {
        let farewell = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
        if self.put(&Packet::Disconnect(farewell)).is_ok() {
            while self.turn(true).await.is_ok() {
                self.input.clear();
            }
        }
    }

    /// Writes, reads or looks at the clock. Writing comes first, since there is an end to what is due; where it has to
    /// wait, reading goes on.
    async fn turn(&mut self, reading: bool) -> Result<(), Fault> {
        self.keep_alive.reads(reading, Instant::now);
        let writing = !self.broken && (self.unflushed || !self.output.is_empty());
        self.input.reserve(self.missing.max(ROOM));
        tokio::select! {
            biased;
            () = self.alarm.as_mut() => {
                match self.keep_alive.act(Instant::now()) {
                    Act::Wait => {}
                    Act::Ping => self.put(&Packet::PingReq(PingReq))?,
                    Act::GiveUp => return Err(self.fault("it does not answer any more")),
                }
                self.alarm.as_mut().reset(self.keep_alive.due());
            }
            written = write(&mut self.writer, &mut self.output, &mut self.unflushed), if writing => match written {
                Ok(()) => self.keep_alive.wrote(Instant::now()),
                Err(error) if !reading => return Err(self.fault(&error)),
                Err(_) => self.broken = true,
            },
            read = self.reader.read_buf(&mut self.input), if reading => match read {
                Ok(0) => return Err(Fault::Unreachable(format!("{} closed the connection", self.address))),
                Ok(_) => self.keep_alive.heard(Instant::now()),
                Err(error) => return Err(self.fault(&error)),
            },
        }
        Ok(())
    }

    fn fault(&self, problem: impl std::fmt::Display) -> Fault {
        Fault::Unreachable(format!("{}: {problem}", self.address))
    }

    fn turned_away(&self, code: ConnectReturnCode) -> Fault {
        match code {
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned
            | ConnectReturnCode::BadAuthenticationMethod
            | ConnectReturnCode::ClientIdentifierNotValid
            | ConnectReturnCode::BadClientId
            | ConnectReturnCode::UnsupportedProtocolVersion
            | ConnectReturnCode::RefusedProtocolVersion => Fault::SignIn(format!("{code:?}")),
            _ => self.fault(format_args!("it refused the connection: {code:?}")),
        }
    }

    /// Read by hand: the library does not know the short form, which Mosquitto uses.
    fn sent_away(&self, disconnect: &[u8]) -> Fault {
        let mut rest = disconnect.iter().skip(1).skip_while(|byte| **byte & 0x80 != 0);
        let code = rest.nth(1).copied().unwrap_or_default();
        let cause = match DisconnectReasonCode::try_from(code) {
            Ok(DisconnectReasonCode::SessionTakenOver) => return Fault::TakenOver,
            Ok(reason) => format!("{reason:?}"),
            Err(_) => format!("reason {code:#04x}"),
        };
        self.fault(format_args!("it ended the connection: {cause}"))
    }
}

/// All of it. What had gone out when this is dropped is not in the output any more.
async fn write(writer: &mut Writer, output: &mut BytesMut, unflushed: &mut bool) -> io::Result<()> {
    while !output.is_empty() {
        if writer.write_buf(output).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        *unflushed = true;
    }
    writer.flush().await?;
    *unflushed = false;
    Ok(())
}
