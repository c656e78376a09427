//! The devices of vm-superio, made of a state and taken through some accesses.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use vm_superio::rtc_pl031::{self, RtcState};
use vm_superio::serial::{self, SerialState};
use vm_superio::{Rtc, Serial, Trigger};

// --- serial port ----------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
#[serde(remote = "SerialState")]
struct SerialFields {
    baud_divisor_low: u8,
    baud_divisor_high: u8,
    interrupt_enable: u8,
    interrupt_identification: u8,
    line_control: u8,
    line_status: u8,
    modem_control: u8,
    modem_status: u8,
    scratch: u8,
    #[serde(with = "hex")]
    in_buffer: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SerialAction {
    /// Of a register, by its offset.
    Read(u8),
    Write(u8, u8),
    /// From the other end of the line.
    Receive(#[serde(with = "hex")] Vec<u8>),
}

/// A serial port, and what the guest and the host do to it.
#[derive(Deserialize)]
pub struct SerialRun {
    #[serde(with = "SerialFields")]
    state: SerialState,
    actions: Vec<SerialAction>,
}

/// What came of an action. `interrupts` counts those that were triggered; `value` is what was read.
#[derive(Serialize)]
struct SerialStep {
    value: Option<u8>,
    interrupts: u32,
    #[serde(with = "hex")]
    sent: Vec<u8>,
    #[serde(with = "SerialFields")]
    state: SerialState,
}

type Port = Serial<Counter, serial::NoEvents, Sent>;

impl SerialRun {
    /// One step for the making of the port, and one for each action; or the crate's error.
    pub fn run(self) -> Result<Json, String> {
        let (interrupts, sent) = (Counter::default(), Sent::default());
        let step = |port: &Port, value| SerialStep {
            value,
            interrupts: interrupts.0.take(),
            sent: sent.0.take(),
            state: port.state(),
        };
        let made =
            Serial::from_state(&self.state, interrupts.clone(), serial::NoEvents, sent.clone());
        let mut port = made.map_err(|error| error.to_string())?;
        let mut steps = vec![step(&port, None)];
        for action in &self.actions {
            let value = act(&mut port, action);
            steps.push(step(&port, value));
        }
        Ok(json!(steps))
    }
}

/// Neither sending nor interrupting fails here; of input that does not fit, the state tells.
fn act(port: &mut Port, action: &SerialAction) -> Option<u8> {
    match action {
        SerialAction::Read(offset) => return Some(port.read(*offset)),
        SerialAction::Write(offset, value) => drop(port.write(*offset, *value)),
        SerialAction::Receive(data) => drop(port.enqueue_raw_bytes(data)),
    }
    None
}

#[derive(Clone, Default)]
struct Counter(Rc<Cell<u32>>);

impl Trigger for Counter {
    type E = Infallible;

    fn trigger(&self) -> Result<(), Infallible> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Sent(Rc<RefCell<Vec<u8>>>);

impl Write for Sent {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// --- real-time clock ------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
#[serde(remote = "RtcState")]
struct RtcFields {
    lr: u32,
    offset: i64,
    mr: u32,
    imsc: u32,
    ris: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RtcAction {
    /// Of a register, by its offset.
    Read(u16),
    Write(u16, u32),
}

/// A real-time clock, and what the guest does to it.
#[derive(Deserialize)]
pub struct RtcRun {
    #[serde(with = "RtcFields")]
    state: RtcState,
    actions: Vec<RtcAction>,
}

/// `values` has 0 for a write. The times are those of the host, before and after.
#[derive(Serialize)]
struct RtcRan {
    began_s: u64,
    ended_s: u64,
    values: Vec<u32>,
    #[serde(with = "RtcFields")]
    state: RtcState,
}

impl RtcRun {
    pub fn run(self) -> Json {
        let began_s = unix_time_s();
        let mut rtc = Rtc::from_state(&self.state, rtc_pl031::NoEvents);
        let values = self.actions.iter().map(|action| access(&mut rtc, action)).collect();
        json!(RtcRan { began_s, ended_s: unix_time_s(), values, state: rtc.state() })
    }
}

fn access(rtc: &mut Rtc<rtc_pl031::NoEvents>, action: &RtcAction) -> u32 {
    let mut data = [0; 4];
    match action {
        RtcAction::Read(offset) => rtc.read(*offset, &mut data),
        RtcAction::Write(offset, value) => rtc.write(*offset, &value.to_le_bytes()),
    }
    u32::from_le_bytes(data)
}

fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
