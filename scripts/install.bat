@echo off
rem A thin door: lets Python set everything up.
cd /d "%~dp0.."
where py >nul 2>nul && (py -3 main.py setup %* & exit /b)
where python >nul 2>nul && (python main.py setup %* & exit /b)
echo error: Local Swarm needs Python 3.11 or newer. See https://www.python.org/downloads/ 1>&2
exit /b 2
