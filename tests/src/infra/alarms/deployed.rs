//! The alarms of rendered templates, and when they ring.

use crate::infra::{
    alarms::{
        cloudwatch::{Reading, alarm::Alarm, composite::Rule, history::History, metrics::Metric},
        situations::Situation,
    },
    support::template::Template,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Alarms by the names of their resources.
#[derive(Clone, Debug)]
pub(crate) struct Alarms(BTreeMap<String, Watch>);

#[derive(Clone, Debug)]
enum Watch {
    Metrics(Alarm),
    Alarms(Rule),
}

/// The properties of all alarms, before they are understood.
pub(crate) type Properties = BTreeMap<String, (Kind, Value)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Metric,
    Composite,
}

/// The alarms of a template. `names` says what the resources are called that dimensions name.
pub(crate) fn properties(template: &Template, names: &[(&str, &str)]) -> Properties {
    let resources = template.resources().iter();
    let alarms = resources.filter_map(|(name, resource)| {
        let kind = match resource["Type"].as_str()? {
            "AWS::CloudWatch::Alarm" => Kind::Metric,
            "AWS::CloudWatch::CompositeAlarm" => Kind::Composite,
            _ => return None,
        };
        Some((name.clone(), (kind, named(&resource["Properties"], names))))
    });
    alarms.collect()
}

/// With names in the places of references. An alarm is called as its resource, a topic by its ARN.
fn named(value: &Value, names: &[(&str, &str)]) -> Value {
    let name = |of: &str| names.iter().find(|(resource, _)| *resource == of).map_or(of, |(_, name)| name).to_owned();
    let member = |name: &str| value.get(name).and_then(Value::as_str);
    match (value, member("Ref"), member("Fn::Sub")) {
        (_, Some(of), None) => Value::String(name(of)),
        (_, None, Some(text)) => {
            let text = text.replace(".Arn}", "}");
            let mut parts = text.split("${");
            let first = parts.next().unwrap_or_default().to_owned();
            let rest = parts.map(|part| part.split_once('}').expect("a name ends"));
            Value::String(rest.fold(first, |text, (of, rest)| text + &name(of) + rest))
        }
        (Value::Object(members), ..) => {
            members.iter().map(|(key, member)| (key.clone(), named(member, names))).collect()
        }
        (Value::Array(values), ..) => values.iter().map(|value| named(value, names)).collect(),
        (other, ..) => other.clone(),
    }
}

impl Alarms {
    pub(crate) fn read(properties: &Properties) -> Result<Self, String> {
        let read = |(name, (kind, properties)): (&String, &(Kind, Value))| {
            let watch = match kind {
                Kind::Metric => Alarm::read(properties).map(Watch::Metrics),
                Kind::Composite => Rule::read(properties).map(Watch::Alarms),
            };
            watch.map(|watch| (name.clone(), watch)).map_err(|error| format!("{name}: {error}"))
        };
        let alarms: BTreeMap<_, _> = properties.iter().map(read).collect::<Result<_, _>>()?;
        for (name, watch) in &alarms {
            let Watch::Alarms(rule) = watch else { continue };
            if let Some(unknown) =
                rule.alarms().into_iter().find(|of| !matches!(alarms.get(*of), Some(Watch::Metrics(_))))
            {
                return Err(format!("{name}: there is no alarm {unknown}"));
            }
        }
        Ok(Self(alarms))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The metrics that alarms look at.
    pub(crate) fn metrics(&self) -> BTreeSet<&Metric> {
        let alarms = self.0.values();
        alarms
            .flat_map(|watch| if let Watch::Metrics(alarm) = watch { alarm.metrics() } else { BTreeSet::new() })
            .collect()
    }

    /// When an alarm rang before the situation was over.
    pub(crate) fn history(&self, name: &str, situation: &Situation, reading: Reading) -> Result<History, String> {
        let (mut states, mut rings) = (Vec::new(), false);
        let every = situation.every.max(self.interval(name));
        for minute in 0..=situation.over {
            if minute % every == 0 {
                rings = self.rings(name, situation, minute, reading)?;
            }
            states.push(rings);
        }
        Ok(History(states))
    }

    /// Whether an alarm rings when this minute begins.
    pub(crate) fn rings(
        &self,
        name: &str,
        situation: &Situation,
        minute: u32,
        reading: Reading,
    ) -> Result<bool, String> {
        match &self.0[name] {
            Watch::Metrics(alarm) => {
                let rings = alarm.rings(&situation.timeline, minute, reading);
                rings.map_err(|error| format!("{name}: {error}"))
            }
            Watch::Alarms(rule) => {
                let states = rule.alarms().into_iter().map(|of| Ok((of, self.rings(of, situation, minute, reading)?)));
                let states: BTreeMap<_, _> = states.collect::<Result<_, String>>()?;
                Ok(rule.holds(&|of: &str| states[of]))
            }
        }
    }

    fn interval(&self, name: &str) -> u32 {
        match &self.0[name] {
            Watch::Metrics(alarm) => alarm.interval(),
            Watch::Alarms(rule) => rule.alarms().into_iter().map(|of| self.interval(of)).max().unwrap_or(1),
        }
    }
}
