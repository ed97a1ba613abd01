@echo off
rem A thin door: finds a Python that is new enough, passes over the one that only opens the store, and lets it set everything up.
cd /d "%~dp0.."
for %%P in ("py -3" python python3) do (
    %%~P -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>nul && (%%~P main.py setup %* & exit /b)
)
echo error: Local Swarm needs Python 3.11 or newer. See https://www.python.org/downloads/ 1>&2
exit /b 2
