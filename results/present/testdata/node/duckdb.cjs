// Runs SQL queries with DuckDB, a JSON list of them on standard input, in the
// folder of the command line; prints the lines of each answer, columns first, as JSON.
const fs = require("fs");
const { DuckDBInstance } = require("@duckdb/node-api");

(async () => {
  process.chdir(process.argv[2]);
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run("SET TimeZone = 'UTC'; SET threads TO 1"); // of rows that tie the first is told
  const answers = [];
  for (const query of JSON.parse(fs.readFileSync(0, "utf8"))) {
    try {
      const answer = await connection.runAndReadAll(query);
      const told = (row) => row.map((v) => (v === null ? "NULL" : String(v))).join(" | ");
      answers.push([told(answer.columnNames()), ...answer.getRows().map(told)]);
    } catch (e) {
      throw new Error(`${e.message}\nin\n${query}`);
    }
  }
  console.log(JSON.stringify(answers));
})().catch((e) => { console.error(e.message); process.exit(1); });
