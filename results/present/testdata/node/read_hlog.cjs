// Reads an HDR interval log with hdr-histogram-js, and prints its intervals,
// and the sum of those of each tag, as JSON: times in ms of the epoch, values at
// the percentiles of the command line.
const fs = require("fs");
const hdr = require("hdr-histogram-js");

const [file, ...percentiles] = process.argv.slice(2);
const told = (h) => ({
  tag: h.tag, start: h.startTimeStampMsec, end: h.endTimeStampMsec,
  count: h.totalCount, values: percentiles.map((p) => h.getValueAtPercentile(Number(p))),
});
const reader = new hdr.HistogramLogReader(fs.readFileSync(file, "utf8"), 64, false);
const intervals = [];
const totals = {};
for (let h = reader.nextIntervalHistogram(); h != null; h = reader.nextIntervalHistogram()) {
  intervals.push(told(h));
  if (h.tag in totals) totals[h.tag].add(h);
  else totals[h.tag] = h;
}
console.log(JSON.stringify({ intervals, totals: Object.values(totals).map(told) }));
