// Draws the curves of a page from the numbers of its own address, and draws them again while the page is live.
"use strict";

(() => {
  const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3]];
  const HEIGHT = 150;
  const drawn = new Map();
  const isDark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const light = ["#1a56b4", "#b3261e", "#17693a", "#8a5200", "#6d3aa8", "#00687a", "#a0326e", "#4b5563"];
  const dark = ["#8ab4f8", "#ff9d94", "#78d197", "#f0bb62", "#c9a6f5", "#6fd3e3", "#f49ac8", "#c3cad5"];

  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 3 });
  const DAY_S = 86400;

  // In UTC, like every time of the console: of a day within days, with its date otherwise.
  const clock = (s, from) => new Date(s * 1000).toISOString().slice(from, 16).replace("T", " ");
  const ticks = (_, splits) => {
    const isLong = splits[splits.length - 1] - splits[0] > DAY_S;
    return splits.map((s) => (isLong ? new Date(s * 1000).toISOString().slice(5, 10) : clock(s, 11)));
  };

  const options = (measured, width) => {
    const colors = isDark.matches ? dark : light;
    const unit = measured.unit ? ` ${measured.unit}` : "";
    const axis = {
      stroke: style("--quiet"),
      grid: { stroke: style("--line"), width: 1 },
      ticks: { stroke: style("--line"), width: 1 },
    };
    const lines = measured.lines.map((line, place) => ({
      label: line.name,
      stroke: colors[place % colors.length],
      // Lines differ in more than their colour.
      dash: DASHES[place % DASHES.length],
      width: 1.5,
      points: { show: line.values.filter((value) => value !== null).length < 3 },
      value: (_, value, __, place) => {
        // Nothing is pointed at.
        if (place === null || place === undefined) {
          return "";
        }
        return value === null ? "unknown" : `${Math.round(value * 1000) / 1000}${unit}`;
      },
    }));
    return {
      width,
      height: HEIGHT,
      tzDate: (s) => window.uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
      scales: {
        // One point alone is in the middle of two hours.
        x: { range: (_, least, most) => (least === most ? [least - 3600, most + 3600] : [least, most]) },
        y: { range: (_, least, most) => (measured.unit === "%" ? [Math.min(least, 99), 100] : [0, Math.max(most, 1)]) },
      },
      axes: [
        { ...axis, values: ticks },
        { ...axis, size: 56, values: (_, splits) => splits.map((value) => compact.format(value)) },
      ],
      series: [{ label: "UTC", value: (_, s) => (s === null ? "" : clock(s, 0)) }, ...lines],
      legend: { live: true },
    };
  };

  const draw = (figure, series, measured) => {
    const curve = figure.querySelector(".curve");
    const isKnown = measured.lines.some((line) => line.values.some((value) => value !== null));
    figure.classList.toggle("known", isKnown);
    const names = measured.lines.map((line) => line.name).join("|");
    const first = series.from_ms / 1000;
    const times = measured.times ?? Array.from(
      { length: measured.lines[0]?.values.length ?? 0 },
      (_, place) => first + (place * series.bucket_ms) / 1000,
    );
    const data = [times, ...measured.lines.map((line) => line.values)];
    const before = drawn.get(figure);
    if (isKnown && before && before.names === names) {
      before.plot.setData(data);
      return;
    }
    before?.plot.destroy();
    drawn.delete(figure);
    if (isKnown) {
      const plot = new window.uPlot(options(measured, curve.clientWidth || 400), data, curve);
      drawn.set(figure, { plot, names });
    }
  };

  const refresh = async (holder) => {
    let series;
    try {
      const answer = await fetch(holder.dataset.series);
      if (!answer.ok) {
        return;
      }
      series = await answer.json();
    } catch {
      return;
    }
    for (const measured of series.measures) {
      const figure = holder.querySelector(`[data-measure="${measured.measure}"]`);
      if (figure) {
        draw(figure, series, measured);
      }
    }
  };

  const all = () => document.querySelectorAll("[data-series]").forEach(refresh);
  const again = () => {
    drawn.forEach(({ plot }) => plot.destroy());
    drawn.clear();
    all();
  };

  document.body.addEventListener("live-numbers", all);
  isDark.addEventListener("change", again);
  window.addEventListener("resize", () => {
    drawn.forEach(({ plot }, figure) => {
      const width = figure.querySelector(".curve").clientWidth;
      plot.setSize({ width, height: HEIGHT });
    });
  });
  all();
})();
