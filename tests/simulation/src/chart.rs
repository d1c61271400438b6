//! A chart of a run, as SVG.

use crate::{
    number::{count, float},
    scenario::Scenario,
    tally::{AfterRotation, Counter, Emergency},
    world::Outcome,
};
use anyhow::{Result, anyhow};
use plotters::{
    chart::{ChartBuilder, ChartContext},
    coord::{Shift, cartesian::Cartesian2d, types::RangedCoordf64},
    drawing::{DrawingArea, IntoDrawingArea as _},
    element::PathElement,
    prelude::SVGBackend,
    series::{DashedLineSeries, LineSeries},
    style::{BLACK, Color as _, RGBColor, ShapeStyle, WHITE},
};
use std::{fmt::Display, time::Duration};

/// Colours that people tell apart who see colours differently (Okabe and Ito). The ground is white, so that the chart is readable on
/// a dark page too.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);

const WIDTH: u32 = 960;
const PANEL: u32 = 300;
/// A line has at most this many points.
const POINTS: usize = 480;
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// From here on the dashes of a mark are long.
const MANY_MINUTES: f64 = 30.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the reads of the secret, the change of keys after a rotation and, if there are any, the emergencies.
///
/// # Errors
/// If the chart cannot be drawn.
pub fn chart(scenario: &Scenario, outcome: &Outcome) -> Result<String> {
    let panels = if outcome.emergencies.is_empty() { 2 } else { 3 };
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, PANEL * panels)).into_drawing_area();
        root.fill(&WHITE).map_err(not_drawn)?;
        let areas = root.split_evenly((usize::try_from(panels)?, 1));
        reads(&areas[0], scenario, &outcome.calls.all)?;
        after_rotation(&areas[1], scenario, &outcome.after_rotation)?;
        if let Some(area) = areas.get(2) {
            emergencies(area, &outcome.emergencies)?;
        }
        root.present().map_err(not_drawn)?;
    }
    Ok(svg)
}

fn not_drawn(error: impl Display) -> anyhow::Error {
    anyhow!("the chart cannot be drawn: {error}")
}

fn reads(area: &Area<'_>, scenario: &Scenario, all: &Counter) -> Result<()> {
    let (unit, per_unit) = if scenario.length > DAY { ("days", DAY) } else { ("hours", HOUR) };
    let bucket = all.minutes.len().div_ceil(POINTS).max(1);
    let at =
        |index: usize| f64::from(u32::try_from(index * bucket).unwrap_or(u32::MAX)) * 60.0 / per_unit.as_secs_f64();
    let means = all.minutes.chunks(bucket).enumerate().map(|(index, minutes)| {
        let minutes_of_bucket = f64::from(u32::try_from(minutes.len()).unwrap_or(u32::MAX));
        (at(index), minutes.iter().map(|(reads, _)| f64::from(*reads)).sum::<f64>() / 60.0 / minutes_of_bucket)
    });
    let peaks = all.minutes.chunks(bucket).enumerate().map(|(index, minutes)| {
        (at(index), f64::from(minutes.iter().map(|(_, peak)| *peak).max().unwrap_or_default()))
    });
    let (end, most) = (scenario.length.as_secs_f64() / per_unit.as_secs_f64(), f64::from(all.peak));
    let mut panel = panel(area, "GetSecretValue, all Regions together", (end, most), (unit, "calls a second"))?;
    line(&mut panel, "most in one second", ORANGE, peaks)?;
    line(&mut panel, "mean", BLUE, means)?;
    legend(&mut panel)
}

fn after_rotation(area: &Area<'_>, scenario: &Scenario, after: &AfterRotation) -> Result<()> {
    let share = |of: fn(&(u64, u64)) -> u64| {
        let minutes = after.minutes.iter().enumerate().filter(|(_, (old, new))| old + new > 0);
        minutes.map(move |(minute, both)| (float(count(minute)), float(of(both)) / float(both.0 + both.1) * 100.0))
    };
    let axes = ("minutes after the promotion", "% of the requests");
    let mut panel = panel(area, "Keys that sign after a planned rotation", (150.0, 100.0), axes)?;
    line(&mut panel, "the old key", BLUE, share(|(old, _)| *old))?;
    line(&mut panel, "the new key", GREEN, share(|(_, new)| *new))?;
    let lead = scenario.timings.lead.as_secs_f64() / 60.0;
    mark(&mut panel, "the new key may sign", lead, 100.0)?;
    mark(&mut panel, "the old key ends", lead + scenario.timings.grace.as_secs_f64() / 60.0, 100.0)?;
    legend(&mut panel)
}

fn emergencies(area: &Area<'_>, emergencies: &[Emergency]) -> Result<()> {
    let most = emergencies.iter().flat_map(|emergency| &emergency.stolen.every_ten_seconds).max();
    let most = most.map_or(1.0, |most| float(*most)) / 10.0;
    let axes = ("minutes after the emergency", "admitted a second");
    let mut panel = panel(area, "Requests that are admitted with the dropped key", (40.0, most), axes)?;
    for emergency in emergencies {
        let (name, colour) =
            if emergency.in_outage { ("in an outage of every copy", ORANGE) } else { ("without an outage", BLUE) };
        let slots = emergency.stolen.every_ten_seconds.iter().chain([&0]).enumerate();
        line(&mut panel, name, colour, slots.map(|(slot, number)| (float(count(slot)) / 6.0, float(*number) / 10.0)))?;
    }
    if let Some(emergency) = emergencies.first() {
        let minutes = |bound: Duration| bound.as_secs_f64() / 60.0;
        mark(&mut panel, "the bound", minutes(emergency.stolen.bound), most)?;
        mark(&mut panel, "the bound in an outage", minutes(emergency.stolen.bound_in_outage), most)?;
    }
    legend(&mut panel)
}

/// The axes of a panel, from zero to these ends, with their units.
fn panel<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    (right, top): (f64, f64),
    (x, y): (&str, &str),
) -> Result<Panel<'a, 'b>> {
    let mut panel = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..right, 0.0..top * 1.05)
        .map_err(not_drawn)?;
    let mut mesh = panel.configure_mesh();
    mesh.x_desc(x).y_desc(y).light_line_style(WHITE).bold_line_style(BLACK.mix(0.12));
    let whole = |number: &f64| format!("{number:.0}");
    mesh.x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .label_style(("sans-serif", 13))
        .draw()
        .map_err(not_drawn)?;
    Ok(panel)
}

fn line(
    panel: &mut Panel<'_, '_>,
    name: &str,
    colour: RGBColor,
    points: impl Iterator<Item = (f64, f64)>,
) -> Result<()> {
    let series = panel.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(not_drawn)?;
    series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    Ok(())
}

/// A dashed line from the bottom to the top.
fn mark(panel: &mut Panel<'_, '_>, name: &str, x: f64, top: f64) -> Result<()> {
    let style: ShapeStyle = BLACK.mix(0.6).stroke_width(1);
    // Marks are told apart by their dashes.
    let dash = if x > MANY_MINUTES { 8 } else { 3 };
    let series = DashedLineSeries::new([(x, 0.0), (x, top * 1.05)], dash, 4, style);
    let series = panel.draw_series(series).map_err(not_drawn)?;
    let name = format!("{name}, {x:.0} min");
    series.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + dash, y)], style));
    Ok(())
}

fn legend<'b: 'a, 'a>(panel: &mut Panel<'a, 'b>) -> Result<()> {
    let mut labels = panel.configure_series_labels();
    labels.background_style(WHITE.mix(0.9)).border_style(BLACK.mix(0.3)).label_font(("sans-serif", 13));
    labels.draw().map_err(not_drawn)
}
