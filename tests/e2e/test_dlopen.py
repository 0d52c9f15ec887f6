"""Loading: RTLD_DEEPBIND is stripped, RUNPATH and $ORIGIN stay the caller's, the heap works before and after main."""
import pytest

import harness


@pytest.fixture
def plugins(compile_program, tmp_path):
    """A host whose RUNPATH is $ORIGIN/plugins, with a plugin there whose own RUNPATH is $ORIGIN/more, with another there."""
    (tmp_path / "plugins/more").mkdir(parents=True)
    # --enable-new-dtags: RUNPATH, which unlike RPATH serves its own object only.
    def runpath(folder):
        return [f"-Wl,--enable-new-dtags,-rpath,$ORIGIN/{folder}", "-ldl"]
    host = tmp_path / "host"
    host.symlink_to(compile_program("plugin_host.c"))
    made = {
        host: compile_program("plugin_host.c", *runpath("plugins")),
        tmp_path / "plugins/libplugin.so": compile_program("plugin.c", *runpath("more"), shared=True),
        tmp_path / "plugins/more/libother.so": compile_program("plugin.c", shared=True, name="other"),
    }
    for place, built in made.items():
        place.unlink(missing_ok=True)
        place.write_bytes(built.read_bytes())
        place.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("flags", [[], ["deep"]], ids=["plain", "deep"])
@pytest.mark.parametrize("name", ["libplugin.so", "plugins/libplugin.so"])
def test_plugins_share_the_heap(name, flags, both_paths, plugins, run_preloaded):
    name = str(plugins / name) if "/" in name else name
    ours = run_preloaded([plugins / "host", name, *flags, "other=libother.so"], path=both_paths)
    assert ours.code == 0, ours
    assert "passed memory; missing: NULL" in ours.out and "libthere-is-no-such.so: cannot open" in ours.out


def test_runpath_as_without_us(plugins, run_both):
    ours = run_both([plugins / "host", "libplugin.so", "other=libother.so"], cwd="/")
    assert ours.code == 0, ours


def test_a_runpath_is_its_own_objects_only(plugins, run_both):
    """The host does not find by name what only the plugin's RUNPATH names."""
    ours = run_both([plugins / "host", "libother.so"])
    assert ours.code == 1 and "cannot open shared object file" in ours.out


@pytest.mark.parametrize("binding", ["-Wl,-z,lazy", "-Wl,-z,now"])
def test_before_and_after_main(binding, both_paths, compile_program, run_both):
    library = compile_program("early_library.c", shared=True)
    program = compile_program("early.c", binding, f"-Wl,-rpath,{library.parent}", str(library), "-ldl")
    ours = run_both([program], path=both_paths)
    assert ours.code == 3 and "preinit: preinit, constructor: 1, library: library" in ours.out, ours


def test_in_an_ifunc_resolver(both_paths, compile_program, run_both):
    """The loader calls resolvers before it has copied the TLS images: every thread-local of ours is zero then."""
    ours = run_both([compile_program("ifunc.c")], path=both_paths)
    assert ours.code == 0, ours


@pytest.mark.parametrize("order", ["wrapper first", "wrapper last"])
def test_beside_another_preload(order, both_paths, compile_program, run_plain):
    wrapper = compile_program("wrapper.c", shared=True)
    both = [str(wrapper), str(harness.LIBRARY)]
    env = harness.gamelan_env(path=both_paths)
    env["LD_PRELOAD"] = ":".join(both if order == "wrapper first" else reversed(both))
    ours = run_plain(["/usr/bin/python3", "-c", "print(len([str(i) for i in range(100000)]))"], env)
    assert ours.code == 0, ours
    assert ours.out == ("100000\nwrapped\n" if order == "wrapper first" else "100000\n")
    assert "gamelan[" not in ours.err


def test_one_needed_library(run_plain):
    listed = run_plain(["readelf", "-d", harness.LIBRARY]).out
    assert [line.split("[")[1].rstrip("]") for line in listed.splitlines() if "(NEEDED)" in line] == ["libc.so.6"]
