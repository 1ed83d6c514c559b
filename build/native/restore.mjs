// Restores the pinned packages of a folder (this one, or the one given) into its node_modules in one step: npm works in a folder
// of its own and a rename publishes the result, so that two builds at once never see half of it.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const home = process.argv[2] ? resolve(process.argv[2]) : dirname(fileURLToPath(import.meta.url));
const target = join(home, "node_modules");
const lock = "package-lock.json";

// The lock file that node_modules was restored from lies in it as the stamp.
const stamp = join(target, ".restored-from-lock");
const restored = () => existsSync(stamp) && readFileSync(stamp).equals(readFileSync(join(home, lock)));

if (!restored()) {
    mkdirSync(join(home, "obj"), { recursive: true });
    const staging = mkdtempSync(join(home, "obj", "restore-"));
    try {
        copyFileSync(join(home, "package.json"), join(staging, "package.json"));
        copyFileSync(join(home, lock), join(staging, lock));
        // --force: packages of other platforms are wanted too. Scripts of packages are never run.
        const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--force", "--no-audit", "--no-fund", "--loglevel=error"], {
            cwd: staging, stdio: "inherit", shell: process.platform === "win32",
        });
        if (npm.error || npm.status !== 0) {
            console.error(npm.error ? `npm could not be started: ${npm.error.message}` : `npm ci ended with ${npm.status}`);
            process.exitCode = 1;
        } else {
            copyFileSync(join(home, lock), join(staging, "node_modules", ".restored-from-lock"));
            publish(staging);
        }
    } finally {
        rmSync(staging, { recursive: true, force: true });
    }
}
if (restored()) {
    utimesSync(stamp, new Date(), new Date());
}

function publish(staging) {
    try {
        if (existsSync(target)) {
            renameSync(target, join(staging, "previous"));
        }
        renameSync(join(staging, "node_modules"), target);
    } catch (error) {
        // Another build was first; what it published is as good as ours.
        if (!restored()) {
            throw error;
        }
    }
}
